/** One function per endpoint of the REST API; every failure is an `ApiError`. */
import { apiUrl, type Query } from "./base";
import type { Agent, ContextView, Health, Json, Page, Problem, Run, Status, StoredMessage, Thread } from "./types";

/** What the server said went wrong (RFC 9457), or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  static async from(response: Response): Promise<ApiError> {
    const text = await response.text().catch(() => "");
    try {
      const problem = JSON.parse(text) as Partial<Problem>;
      return new ApiError(
        response.status,
        problem.type ?? "http",
        problem.detail || problem.title || response.statusText,
      );
    } catch {
      return new ApiError(response.status, "http", text.slice(0, 300) || `${response.status} ${response.statusText}`);
    }
  }

  static unreachable(cause: unknown): ApiError {
    const error = new ApiError(0, "network", "The server cannot be reached.");
    error.cause = cause;
    return error;
  }
}

interface Options {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

async function call<T>(method: string, path: string, { query, body, headers, signal }: Options = {}): Promise<T> {
  const init: RequestInit = { method, headers: { accept: "application/json", ...headers }, signal: signal ?? null };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    (init.headers as Record<string, string>)["content-type"] = "application/json";
  }
  let response: Response;
  try {
    response = await fetch(apiUrl(path, query), init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw ApiError.unreachable(cause);
  }
  if (!response.ok) throw await ApiError.from(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const id = encodeURIComponent;

export interface MessageRange {
  after?: number;
  before?: number;
  limit?: number;
  newest?: boolean;
}

export interface NewRun {
  target: string;
  input: Json;
  thread_id?: string;
}

export const api = {
  health: (signal?: AbortSignal) => call<Health>("GET", "health", { signal }),
  agents: (signal?: AbortSignal) => call<{ items: Agent[] }>("GET", "agents", { signal }).then((page) => page.items),

  threads: (query: { limit?: number; cursor?: string | null }, signal?: AbortSignal) =>
    call<Page<Thread>>("GET", "threads", { query, signal }),
  thread: (threadId: string, signal?: AbortSignal) => call<Thread>("GET", `threads/${id(threadId)}`, { signal }),
  renameThread: (threadId: string, title: string) =>
    call<Thread>("PATCH", `threads/${id(threadId)}`, { body: { title } }),
  deleteThread: (threadId: string) => call<void>("DELETE", `threads/${id(threadId)}`),
  messages: (threadId: string, range: MessageRange, signal?: AbortSignal) =>
    call<Page<StoredMessage, number>>("GET", `threads/${id(threadId)}/messages`, { query: { ...range }, signal }),
  context: (threadId: string, signal?: AbortSignal) =>
    call<ContextView>("GET", `threads/${id(threadId)}/context`, { signal }),

  /** `key` makes a repeated request (a retry after a lost answer) harmless. */
  startRun: (run: NewRun, key: string) => call<Run>("POST", "runs", { body: run, headers: { "idempotency-key": key } }),
  runs: (
    query: { limit?: number; cursor?: string | null; thread_id?: string; status?: Status },
    signal?: AbortSignal,
  ) => call<Page<Run>>("GET", "runs", { query, signal }),
  run: (runId: string, signal?: AbortSignal) => call<Run>("GET", `runs/${id(runId)}`, { signal }),
  cancelRun: (runId: string, reason?: string) =>
    call<Run>("POST", `runs/${id(runId)}/cancel`, { body: reason ? { reason } : {} }),
  answerRun: (runId: string, answers: Record<string, Json>) =>
    call<Run>("POST", `runs/${id(runId)}/answers`, { body: { answers } }),

  eventsUrl: (runId: string) => apiUrl(`runs/${id(runId)}/events`),
  blobUrl: (sha256: string) => apiUrl(`blobs/${id(sha256)}`).href,
};

/** A random name; works outside secure contexts too, where `crypto.randomUUID` is missing. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
