/** Everything a conversation does: its messages, the run at work in it, and what a person can do about it. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, randomKey } from "~/api/client";
import { threadQuery, threadRunsQuery } from "~/api/queries";
import { isEnded, isLive, type Json, type Run, type Status } from "~/api/types";
import { statusOf } from "~/run/follower";
import { type LiveRun, useRun } from "~/run/useRun";
import { toastError } from "~/ui/Toasts";
import { useMessages, type Messages } from "./useMessages";

export interface Conversation {
  threadId: string;
  messages: Messages;
  /** The newest run, live while it is at work or waits. */
  live: LiveRun | null;
  run: Run | null;
  status: Status | null;
  /** Something is at work: sending must wait, stopping is possible. */
  busy: boolean;
  /** What was sent and is not a message of the thread yet. */
  pending: string | null;
  sending: boolean;
  stopping: boolean;
  send: (target: string, input: Json) => Promise<boolean>;
  stop: () => void;
}

export function useConversation(threadId: string): Conversation {
  const client = useQueryClient();
  const { data: thread } = useQuery(threadQuery(threadId));
  const messages = useMessages(threadId, thread?.head_seq ?? 0);
  const runs = useQuery(threadRunsQuery(threadId));
  const [started, setStarted] = useState<Run | null>(null);
  const [sending, setSending] = useState(false);
  const [stopping, setStopping] = useState(false);
  const run = newest(started, runs.data);
  // A run that was over when we came has nothing to tell that its messages do not; one that we watch is watched to its end.
  const watched = useRef<string | null>(null);
  if (run && run.status !== "finished") watched.current = run.id;
  const live = useRun(run && watched.current === run.id ? run.id : null, run);
  const status = live ? statusOf(live) : (run?.status ?? null);
  const busy = sending || (status !== null && !isEnded(status));

  useTakeUp(live, run, messages.take);
  useRefreshAtRest(run?.id ?? null, status, threadId, messages.refresh);

  useEffect(() => {
    if (status === null || isEnded(status)) setStopping(false);
  }, [status]);

  const send = useCallback(
    async (target: string, input: Json) => {
      setSending(true);
      try {
        const next = await api.startRun({ target, input, thread_id: threadId }, randomKey());
        setStarted(next);
        void client.invalidateQueries({ queryKey: ["threads"] });
        return true;
      } catch (error) {
        toastError(error);
        return false;
      } finally {
        setSending(false);
      }
    },
    [client, threadId],
  );

  const runId = run?.id;
  const poke = live?.poke;
  const stop = useCallback(() => {
    if (!runId) return;
    setStopping(true);
    api
      .cancelRun(runId)
      .then(poke)
      .catch((error: unknown) => {
        setStopping(false);
        toastError(error);
      });
  }, [runId, poke]);

  const pending = usePending(run, live, messages);
  return { threadId, messages, live, run, status, busy, pending, sending, stopping, send, stop };
}

/** The run to look at: the one that is not over, if there is one; else the last. */
function newest(started: Run | null, runs: Run[] | undefined): Run | null {
  const known = runs ?? [];
  const open = known.find((run) => isLive(run.status) || run.status === "paused");
  const last = known[0] ?? null;
  if (!started) return open ?? last;
  if (open && open.id !== started.id && open.created_at > started.created_at) return open;
  return known.find((run) => run.id === started.id) ?? (last && last.created_at > started.created_at ? last : started);
}

/** Messages that the run adds appear in the thread at once, without asking for them. */
function useTakeUp(live: LiveRun | null, run: Run | null, take: Messages["take"]): void {
  const added = live?.view.messages;
  const runId = run?.id;
  const done = useRef<{ runId: string | undefined; upTo: number }>({ runId, upTo: 0 });
  useEffect(() => {
    if (!added) return;
    if (done.current.runId !== runId) done.current = { runId, upTo: 0 };
    // A longer path is a nested conversation of its own.
    const fresh = added.slice(done.current.upTo).filter((item) => item.path.length <= 1);
    done.current.upTo = added.length;
    if (fresh.length > 0) take(fresh.map(({ seq, at, message }) => ({ seq, at, message, run_id: runId ?? null })));
  }, [added, runId, take]);
}

/** When a run moves on, or another one takes its place, what was asked of the server is asked again. */
function useRefreshAtRest(
  runId: string | null,
  status: Status | null,
  threadId: string,
  refresh: Messages["refresh"],
): void {
  const client = useQueryClient();
  const stand = runId && `${runId} ${status}`;
  const before = useRef(stand);
  useEffect(() => {
    const moved = before.current !== null && before.current !== stand;
    before.current = stand;
    if (!moved) return;
    if (status !== null && isEnded(status)) void refresh().catch(() => undefined);
    void client.invalidateQueries({ queryKey: ["threads"] });
    void client.invalidateQueries({ queryKey: ["thread", threadId] });
    void client.invalidateQueries({ queryKey: ["runs"] });
    void client.invalidateQueries({ queryKey: ["inbox"] });
  }, [stand, status, client, threadId, refresh]);
}

/** The input of a run that has not become a message yet. */
function usePending(run: Run | null, live: LiveRun | null, messages: Messages): string | null {
  return useMemo(() => {
    const input = live?.run?.input ?? run?.input; // a list of runs leaves the input out
    if (!run || typeof input !== "string" || (live && isEnded(statusOf(live)))) return null;
    const seen = live?.view.messages.some(({ message }) => message.role === "user") ?? false;
    if (seen) return null;
    for (const row of messages.loaded.rows.values()) {
      if (row.run_id === run.id && row.message.role === "user") return null;
    }
    return input;
  }, [run, live, messages.loaded]);
}
