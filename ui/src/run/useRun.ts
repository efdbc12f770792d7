/** A run, live, for a component. Components that look at the same run share one connection. */
import { useEffect, useMemo, useSyncExternalStore } from "react";
import type { Run } from "~/api/types";
import { RunFollower, type Followed } from "./follower";

interface Shared {
  follower: RunFollower;
  users: number;
  end: ReturnType<typeof setTimeout> | undefined;
}

const shared = new Map<string, Shared>();
/** A follower outlives its last user a little, so that moving between pages keeps the connection. Milliseconds. */
const LINGER = 2_000;

function find(runId: string, first: Run | null): Shared {
  let entry = shared.get(runId);
  if (!entry) {
    entry = { follower: new RunFollower(runId, first), users: 0, end: undefined };
    shared.set(runId, entry);
  }
  return entry;
}

function hold(entry: Shared): () => void {
  const { runId } = entry.follower;
  clearTimeout(entry.end);
  shared.set(runId, entry);
  if (entry.users === 0 && entry.end === undefined) entry.follower.start();
  entry.users += 1;
  return () => {
    entry.users -= 1;
    if (entry.users > 0) return;
    entry.end = setTimeout(() => {
      if (entry.users > 0) return;
      entry.follower.stop();
      if (shared.get(runId) === entry) shared.delete(runId);
    }, LINGER);
  };
}

const NOTHING = { subscribe: () => () => undefined, get: () => null };

export interface LiveRun extends Followed {
  /** Tells the follower that the run moved: it looks at once. */
  poke: (run?: Run) => void;
}

/** `null` while there is no run to look at. */
export function useRun(runId: string | null, first: Run | null = null): LiveRun | null {
  const entry = useMemo(() => (runId ? find(runId, first) : null), [runId]);
  useEffect(() => (entry ? hold(entry) : undefined), [entry]);
  const store = entry?.follower.store;
  const state = useSyncExternalStore(store?.subscribe ?? NOTHING.subscribe, store?.getState ?? NOTHING.get);
  return useMemo(
    () => (state && entry ? { ...state, poke: (run?: Run) => entry.follower.poke(run) } : null),
    [state, entry],
  );
}
