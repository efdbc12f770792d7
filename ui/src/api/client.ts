/** One function per endpoint of the REST API; every failure is an `ApiError`. */
import { apiUrl, type Query } from "./base";
import type {
  Agent,
  Breakpoint,
  ContextView,
  Decision,
  Described,
  Envelope,
  Fork,
  Health,
  Interrupt,
  Json,
  Judged,
  Limits,
  Moment,
  Page,
  PolicyKept,
  PolicyTrial,
  Problem,
  Proof,
  Registration,
  Run,
  RunsDiff,
  StateAt,
  Status,
  StoredMessage,
  Thread,
  Tried,
  Use,
} from "./types";

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

export async function call<T>(
  method: string,
  path: string,
  { query, body, headers, signal }: Options = {},
): Promise<T> {
  const init: RequestInit = { method, headers: { accept: "application/json", ...headers }, signal: signal ?? null };
  if (body instanceof Blob) init.body = body;
  else if (body !== undefined) {
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

export interface Answer {
  run_id: string;
  id: string;
  answer: Json;
}

/** Where a thread goes on from, and what is written there first. */
export interface NewFork {
  at: number;
  /** A new thread; without it the thread itself goes back. */
  into?: string;
  write?: Record<string, Json>;
  /** The node that seems to have written it: what follows it is next. */
  node?: string;
  go_on?: boolean;
  /** Effects that must happen once may be repeated. */
  confirm?: boolean;
}

export interface NewReplay {
  until?: number;
  live_from?: number;
  /** Effects that must happen once may be repeated. */
  confirm?: boolean;
}

/** Seconds that a command may take until it counts as under way. */
const TAKEN = 2;

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
  answerRun: (runId: string, answers: Record<string, Json>, limits?: Limits) =>
    call<Run>("POST", `runs/${id(runId)}/answers`, { body: { answers, ...(limits ? { limits } : {}) } }),

  pauseRun: (runId: string) => call<Run>("POST", `runs/${id(runId)}/pause`),
  resumeRun: (runId: string) => call<Run>("POST", `runs/${id(runId)}/resume`),
  stepRun: (runId: string) => call<Run>("POST", `runs/${id(runId)}/step`),
  /** With `idle` the answer is the run that it becomes. */
  inject: (runId: string, input: Json, when: "now" | "idle") =>
    call<Run>("POST", `runs/${id(runId)}/inject`, { body: { input, when } }),
  changeState: (runId: string, writes: Record<string, Json>, how: { node?: string; overwrite?: string[] } = {}) =>
    call<Run>("POST", `runs/${id(runId)}/state`, {
      body: { writes, ...(how.node ? { node: how.node } : {}), overwrite: how.overwrite ?? [] },
    }),
  rerun: (runId: string, node: string) =>
    call<Run>("POST", `runs/${id(runId)}/rerun`, { query: { wait: TAKEN }, body: { node } }),
  breakpoints: (runId: string, signal?: AbortSignal) =>
    call<{ breakpoints: Breakpoint[] }>("GET", `runs/${id(runId)}/breakpoints`, { signal }).then(
      (answer) => answer.breakpoints,
    ),
  setBreakpoints: (runId: string, breakpoints: Breakpoint[]) =>
    call<{ breakpoints: Breakpoint[] }>("PUT", `runs/${id(runId)}/breakpoints`, { body: { breakpoints } }).then(
      (answer) => answer.breakpoints,
    ),

  interrupts: (
    query: { limit?: number; cursor?: string | null; status?: Interrupt["status"]; thread_id?: string },
    signal?: AbortSignal,
  ) => call<Page<Interrupt>>("GET", "interrupts", { query, signal }),
  answerInterrupts: (answers: Answer[]) =>
    call<{ items: { run_id: string; status: Status }[] }>("POST", "interrupts/answers", { body: { answers } }),

  history: (threadId: string, query: { before?: number | null; limit?: number }, signal?: AbortSignal) =>
    call<Page<Moment, number>>("GET", `threads/${id(threadId)}/history`, { query, signal }),
  state: (threadId: string, at: number, signal?: AbortSignal) =>
    call<StateAt>("GET", `threads/${id(threadId)}/state`, { query: { at }, signal }),
  fork: (threadId: string, fork: NewFork) => call<Fork>("POST", `threads/${id(threadId)}/fork`, { body: fork }),
  replay: (runId: string, replay: NewReplay) => call<Run>("POST", `runs/${id(runId)}/replay`, { body: replay }),
  diffRuns: (runId: string, other: string, signal?: AbortSignal) =>
    call<RunsDiff>("GET", `runs/${id(runId)}/diff/${id(other)}`, { signal }),

  tools: (signal?: AbortSignal) =>
    call<{ items: Registration[] }>("GET", "tools", { signal }).then((answer) => answer.items),
  tool: (name: string, signal?: AbortSignal) => call<Described>("GET", `tools/${id(name)}`, { signal }),
  changeTool: (name: string, change: { enabled?: boolean; approval?: boolean }) =>
    call<Registration>("PATCH", `tools/${id(name)}`, { body: change }),
  tryTool: (name: string, tool: string, args: Json) =>
    call<Tried>("POST", `tools/${id(name)}/run`, { body: { tool, arguments: args } }),

  secrets: (signal?: AbortSignal) =>
    call<{ items: string[] }>("GET", "secrets", { signal }).then((answer) => answer.items),
  setSecret: (name: string, value: string) => call<void>("PUT", `secrets/${id(name)}`, { body: { value } }),
  removeSecret: (name: string) => call<void>("DELETE", `secrets/${id(name)}`),

  policy: (signal?: AbortSignal) => call<PolicyKept>("GET", "policy", { signal }),
  putPolicy: (version: number, policy: Json) => call<PolicyKept>("PUT", "policy", { body: { version, policy } }),
  tryPolicy: (trial: PolicyTrial) => call<Judged>("POST", "policy/trial", { body: trial }),
  audit: (
    query: { limit?: number; cursor?: string | null; tool?: string; decision?: Decision; run_id?: string },
    signal?: AbortSignal,
  ) =>
    call<{ items: Use[]; next_cursor: string | null }>("GET", "audit", { query, signal }).then(
      ({ items, next_cursor }): Page<Use> => ({ items, next: next_cursor }),
    ),
  verifyAudit: (known?: string) => call<Proof>("GET", "audit/proof", { query: known ? { known } : {} }),

  /** What is on record of a run. */
  events: (runId: string, signal?: AbortSignal) =>
    call<{ items: Envelope[] }>("GET", `runs/${id(runId)}/events`, { query: { format: "json" }, signal }).then(
      (answer) => answer.items,
    ),
  eventsUrl: (runId: string) => apiUrl(`runs/${id(runId)}/events`),
  blobUrl: (sha256: string) => apiUrl(`blobs/${id(sha256)}`).href,
};

/** A random name; works outside secure contexts too, where `crypto.randomUUID` is missing. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
