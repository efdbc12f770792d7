/** Sends commands to one run, one at a time, and tells which one is under way. */
import { useCallback, useEffect, useState } from "react";
import { api } from "~/api/client";
import type { Run, Status } from "~/api/types";
import { statusOf } from "~/run/follower";
import type { LiveRun } from "~/run/useRun";
import { toastError } from "~/ui/Toasts";

export type Verb = "pause" | "resume" | "step" | "abort" | "inject";

export interface Commands {
  /** Sent, and the run has not moved since. */
  underWay: Verb | null;
  pause: () => void;
  resume: () => void;
  step: () => void;
  /** Any other; rejects where the server refuses. */
  send: (verb: Verb, command: () => Promise<Run>) => Promise<Run>;
}

/** A command, and how the run stood when it was sent. */
interface Sent {
  verb: Verb;
  seq: number;
  status: Status;
}

/** A command that nothing came of does not block the others for ever. Milliseconds. */
const PATIENCE = 20_000;

export function useCommand(runId: string, live: LiveRun): Commands {
  const [sent, setSent] = useState<Sent | null>(null);
  const status = statusOf(live);
  const { seq, refused } = live.view;
  const { poke } = live;
  // A run that is told to pause goes on until the edge of its step: only its rest, or a refusal, is the answer.
  const moved = sent?.verb === "pause" ? status !== sent.status || refused !== null : seq > (sent?.seq ?? 0);
  useEffect(() => {
    if (!sent) return undefined;
    const timer = setTimeout(() => setSent(null), PATIENCE);
    return () => clearTimeout(timer);
  }, [sent]);
  const send = useCallback(
    async (verb: Verb, command: () => Promise<Run>) => {
      setSent({ verb, seq, status });
      try {
        const run = await command();
        poke(run.id === runId ? run : undefined);
        if (verb === "inject") setSent(null); // it is heard whenever the run goes on
        return run;
      } catch (error) {
        setSent(null);
        throw error;
      }
    },
    [runId, poke, seq, status],
  );
  const tell = (verb: Verb, command: () => Promise<Run>) => void send(verb, command).catch(toastError);
  return {
    underWay: sent && !moved ? sent.verb : null,
    pause: () => tell("pause", () => api.pauseRun(runId)),
    resume: () => tell("resume", () => api.resumeRun(runId)),
    step: () => tell("step", () => api.stepRun(runId)),
    send,
  };
}
