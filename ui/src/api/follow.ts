/** Follows a run's events over a network that breaks: resumes where it was, each durable event once. */
import { ApiError } from "./client";
import { sseParser, type ServerEvent } from "./sse";
import { isPassing, isResting, type Envelope } from "./types";

export type Connection = "connecting" | "open" | "waiting" | "closed";

export interface Follow {
  url: URL | string;
  /** The number of the last durable event that is known already. */
  after: number;
  signal: AbortSignal;
  onEvent: (envelope: Envelope) => void;
  /** All partial (passing) state is stale now; what follows replaces it. */
  onSync: () => void;
  onConnection?: (state: Connection, error?: ApiError) => void;
  /** The stream ended although the run does not rest: is it over all the same? Asked before a reconnect. */
  isOver?: () => Promise<boolean>;
  /** Milliseconds; tests make them short. */
  timing?: Partial<Timing>;
}

interface Timing {
  /** First pause before a reconnect; doubles up to `longest`. */
  pause: number;
  longest: number;
  /** With no byte for so long, the connection is taken for dead (the server comments every 15 s). */
  silence: number;
}

const TIMING: Timing = { pause: 400, longest: 15_000, silence: 45_000 };

/**
 * Resolves when the run rests, with the number of the last durable event.
 *
 * @throws ApiError where the server refuses for good (4xx other than 408 and 429); AbortError on `signal`.
 */
export async function follow(options: Follow): Promise<number> {
  const timing = { ...TIMING, ...options.timing };
  const report = options.onConnection ?? (() => undefined);
  let after = options.after;
  let failures = 0;
  for (;;) {
    report("connecting");
    let error: ApiError | undefined;
    let retry: number | undefined;
    try {
      const end = await connect(options, after, timing, () => report("open"));
      if (end.after > after || end.heard) failures = 0;
      ({ after, retry } = end);
      if (end.rested) {
        report("closed");
        return after;
      }
      error = end.error;
    } catch (cause) {
      if (options.signal.aborted) throw cause;
      error = cause instanceof ApiError ? cause : ApiError.unreachable(cause);
      if (isFinal(error)) {
        report("closed", error);
        throw error;
      }
    }
    if (await options.isOver?.().catch(() => false)) {
      report("closed");
      return after;
    }
    report("waiting", error);
    const pause = Math.min(timing.longest, (retry ?? timing.pause) * 2 ** failures);
    failures += 1;
    await sleep(pause * (0.75 + Math.random() / 2), options.signal);
  }
}

function isFinal(error: ApiError): boolean {
  return error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429;
}

interface End {
  after: number;
  rested: boolean;
  heard: boolean;
  retry?: number;
  error?: ApiError;
}

/** One connection, from request to its end. A break midway is an `End` with an error, not an exception. */
async function connect(options: Follow, from: number, timing: Timing, opened: () => void): Promise<End> {
  const dead = new AbortController();
  const stop = () => dead.abort(options.signal.reason);
  options.signal.addEventListener("abort", stop, { once: true });
  if (options.signal.aborted) stop();
  const watchdog = silenceWatch(timing.silence, () => dead.abort(new Error("silence")));
  const end: End = { after: from, rested: false, heard: false };
  try {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (from > 0) headers["last-event-id"] = String(from);
    const response = await fetch(options.url, { headers, cache: "no-store", signal: dead.signal });
    if (!response.ok) throw await ApiError.from(response);
    if (response.status === 204) return { ...end, rested: true }; // it is over, and we have seen it all
    if (!response.body) throw new ApiError(0, "network", "The server sent no stream.");
    opened();
    await read(response.body, options, end, watchdog.feed);
  } catch (cause) {
    if (options.signal.aborted || cause instanceof ApiError) throw cause;
    end.error = ApiError.unreachable(cause);
  } finally {
    watchdog.stop();
    options.signal.removeEventListener("abort", stop);
    dead.abort();
  }
  return end;
}

async function read(body: ReadableStream<Uint8Array>, options: Follow, end: End, alive: () => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = sseParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    for (const event of parser.push(decoder.decode(value, { stream: true }))) {
      end.heard = true;
      take(event, options, end);
    }
    end.retry = parser.retry;
  }
}

function take(event: ServerEvent, options: Follow, end: End): void {
  if (options.signal.aborted) return;
  if (event.event === "sync") {
    options.onSync();
    return;
  }
  const envelope = JSON.parse(event.data) as Envelope;
  if (!isPassing(envelope.event)) {
    if (envelope.seq <= end.after) return; // seen before the reconnect
    end.after = envelope.seq;
    end.rested = isResting(envelope.event); // a pause in the past is followed by more: only the last event counts
  }
  options.onEvent(envelope);
}

function silenceWatch(limit: number, bark: () => void): { feed: () => void; stop: () => void } {
  let timer = setTimeout(bark, limit);
  return {
    feed() {
      clearTimeout(timer);
      timer = setTimeout(bark, limit);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Waits, but not longer than until the browser says that the network is back. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const online = () => done(resolve);
    const abort = () => done(() => reject(signal.reason));
    const timer = setTimeout(() => done(resolve), ms);
    function done(settle: () => void): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      globalThis.removeEventListener?.("online", online);
      settle();
    }
    signal.addEventListener("abort", abort, { once: true });
    globalThis.addEventListener?.("online", online, { once: true });
    if (signal.aborted) abort();
  });
}
