/** Keeps the view of one run up to date for as long as somebody looks: events, batches, pauses, reconnects. */
import { createStore, type StoreApi } from "zustand/vanilla";
import { api, ApiError } from "~/api/client";
import { follow, type Connection } from "~/api/follow";
import { isEnded, isLive, type Envelope, type Run, type Status } from "~/api/types";
import { dropPassing, reduceAll } from "./reduce";
import { emptyView, type RunView } from "./view";

export interface Followed {
  view: RunView;
  /** The run's row as the server last told it. */
  run: Run | null;
  connection: Connection;
  error: ApiError | null;
  /** Everything that was stored when we joined has been read. */
  caughtUp: boolean;
}

/** What the run is doing, from its events and its row: whichever knows more. */
export function statusOf({ view, run }: Pick<Followed, "view" | "run">): Status {
  if (run && (view.status === "unknown" || run.seq > view.seq || isEnded(run.status))) return run.status;
  return view.status === "unknown" ? "queued" : view.status;
}

/** How often a paused run is looked at: somebody else may answer it. Milliseconds. */
const LOOK = 3_000;
/** Events are shown at most once per frame; in a hidden tab, which has no frames, this often. Milliseconds. */
const HIDDEN_FLUSH = 300;

export class RunFollower {
  readonly store: StoreApi<Followed>;
  private queue: (Envelope | "sync")[] = [];
  private scheduled = false;
  private wake: (() => void) | undefined;
  private readonly stopped = new AbortController();

  constructor(
    readonly runId: string,
    first: Run | null = null,
  ) {
    this.store = createStore(() => ({
      view: emptyView(runId),
      run: first,
      connection: "connecting" as Connection,
      error: null,
      caughtUp: false,
    }));
  }

  start(): void {
    void this.loop().catch((cause: unknown) => {
      if (this.stopped.signal.aborted) return;
      const error = cause instanceof ApiError ? cause : ApiError.unreachable(cause);
      this.flush();
      this.store.setState({ error, connection: "closed" });
    });
  }

  stop(): void {
    this.stopped.abort();
  }

  /** The run moved (we answered it, say): take its row and look again at once. */
  poke(run?: Run): void {
    if (run) this.store.setState({ run });
    this.wake?.();
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopped;
    void this.look().catch(() => undefined); // the row has what no event repeats: the input of a run that has not begun
    for (;;) {
      await follow({
        url: api.eventsUrl(this.runId),
        after: this.seen(),
        signal,
        onEvent: (envelope) => this.push(envelope),
        onSync: () => this.push("sync"),
        onConnection: (connection, error) => this.connection(connection, error),
        isOver: async () => isEnded((await this.look()).status),
      });
      this.flush();
      if (!(await this.moved())) return;
    }
  }

  /** Waits until there is more to read; false where there will never be. */
  private async moved(): Promise<boolean> {
    for (;;) {
      const run = await this.look().catch((cause: unknown) => {
        if (cause instanceof ApiError && cause.status === 0) return null; // no network: look again later
        throw cause;
      });
      if (run && (isLive(run.status) || run.seq > this.store.getState().view.seq)) return true;
      if (run && isEnded(run.status)) return false;
      await this.nap();
      this.stopped.signal.throwIfAborted();
    }
  }

  /** The last durable event known, those in the queue included. */
  private seen(): number {
    const last = this.queue.findLast((item) => item !== "sync");
    return Math.max(this.store.getState().view.seq, typeof last === "object" ? last.seq : 0);
  }

  private async look(): Promise<Run> {
    const run = await api.run(this.runId, this.stopped.signal);
    this.store.setState({ run });
    return run;
  }

  private nap(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private connection(connection: Connection, error?: ApiError): void {
    if (connection === "closed") this.flush();
    this.store.setState({ connection, error: connection === "open" ? null : (error ?? this.store.getState().error) });
  }

  private push(item: Envelope | "sync"): void {
    this.queue.push(item);
    if (this.scheduled) return;
    this.scheduled = true;
    if (document.visibilityState === "hidden") setTimeout(() => this.flush(), HIDDEN_FLUSH);
    else {
      // A frame may never come (the tab gets hidden, the window is covered): the timer is the net.
      const frame = requestAnimationFrame(() => this.flush());
      setTimeout(() => {
        cancelAnimationFrame(frame);
        this.flush();
      }, HIDDEN_FLUSH);
    }
  }

  private flush(): void {
    this.scheduled = false;
    if (this.queue.length === 0) return;
    const items = this.queue;
    this.queue = [];
    let { view } = this.store.getState();
    let batch: Envelope[] = [];
    let caughtUp = false;
    for (const item of items) {
      if (item !== "sync") batch.push(item);
      else {
        view = dropPassing(reduceAll(view, batch));
        batch = [];
        caughtUp = true;
      }
    }
    view = reduceAll(view, batch);
    const rested = view.status !== "unknown" && view.status !== "running";
    this.store.setState((before) => ({ view, caughtUp: before.caughtUp || caughtUp || rested }));
  }
}
