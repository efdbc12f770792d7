/** Loads the messages of a thread where they are looked at, and takes up new ones as a run adds them. */
import { useCallback, useEffect, useRef, useState } from "react";
import { api, ApiError } from "~/api/client";
import type { StoredMessage } from "~/api/types";
import { add, answered, type Loaded, missing, nothing, pageOf, PAGE, rangeOf } from "./pages";

export interface Messages {
  loaded: Loaded;
  ready: boolean;
  error: ApiError | null;
  /** Makes sure that the messages `from` to `to` are there, or on their way. */
  want: (from: number, to: number) => void;
  /** A run added these. */
  take: (items: readonly StoredMessage[]) => void;
  /** Loads all that is missing; gives everything. */
  all: (progress: (done: number, of: number) => void, signal: AbortSignal) => Promise<Loaded>;
  /** Looks for messages that came without a run of ours. */
  refresh: () => Promise<void>;
  retry: () => void;
}

/** `head` is the thread's length as its own row tells it; 0 while that is not known. */
export function useMessages(threadId: string, head: number): Messages {
  const [state, setState] = useState<{ loaded: Loaded; ready: boolean; error: ApiError | null }>({
    loaded: nothing,
    ready: false,
    error: null,
  });
  const latest = useRef(state);
  latest.current = state;
  const asked = useRef(new Map<number, Promise<void>>());
  const [attempt, setAttempt] = useState(0);

  const change = useCallback((step: (loaded: Loaded) => Loaded) => {
    setState((before) => {
      const next = { ...before, loaded: step(before.loaded) };
      latest.current = next;
      return next;
    });
  }, []);

  useEffect(() => {
    const abort = new AbortController();
    asked.current = new Map();
    api
      .messages(threadId, { newest: true, limit: PAGE }, abort.signal)
      .then((page) => setState((before) => ({ loaded: add(before.loaded, page.items), ready: true, error: null })))
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setState((before) => ({ ...before, error: error as ApiError }));
      });
    return () => abort.abort();
  }, [threadId, attempt]);

  const fetchPage = useCallback(
    (page: number): Promise<void> => {
      const under = asked.current.get(page);
      if (under) return under;
      const known = latest.current.loaded.head;
      const promise = api
        .messages(threadId, { ...rangeOf(page), limit: PAGE })
        .then(({ items }) => {
          asked.current.delete(page);
          // The page at the end still grows: the answer holds up to what was there when we asked.
          change((loaded) => answered(add(loaded, items), page, Math.min(known, (page + 1) * PAGE)));
        })
        .catch(() => {
          setTimeout(() => asked.current.delete(page), 1500); // a row that is looked at asks again
        });
      asked.current.set(page, promise);
      return promise;
    },
    [threadId, change],
  );

  const want = useCallback(
    (from: number, to: number) => {
      for (const page of missing(latest.current.loaded, from, to)) void fetchPage(page);
    },
    [fetchPage],
  );

  const take = useCallback(
    (items: readonly StoredMessage[]) => {
      if (items.some((item) => !latest.current.loaded.rows.has(item.seq))) change((loaded) => add(loaded, items));
    },
    [change],
  );

  const all = useCallback(
    async (progress: (done: number, of: number) => void, signal: AbortSignal) => {
      const pages = missing(latest.current.loaded, 1, latest.current.loaded.head);
      const last = pageOf(latest.current.loaded.head) + 1;
      for (let at = 0; at < pages.length; at += 3) {
        signal.throwIfAborted();
        progress(last - pages.length + at, last);
        await Promise.all(pages.slice(at, at + 3).map(fetchPage));
      }
      return latest.current.loaded;
    },
    [fetchPage],
  );

  const refresh = useCallback(async () => {
    const { items } = await api.messages(threadId, { newest: true, limit: PAGE });
    take(items);
  }, [threadId, take]);

  // The thread has grown between two answers of the server: look again, once for each length.
  const missed = head > state.loaded.head && state.ready;
  useEffect(() => {
    if (missed) void refresh().catch(() => undefined);
  }, [missed, head, refresh]);

  const retry = useCallback(() => setAttempt((n) => n + 1), []);
  return { ...state, want, take, all, refresh, retry };
}
