/** How a run stands for whoever steers it: what can be done to it follows from this. Pure. */
import { isEnded, type PauseReason, type Question, type Run, type Status } from "~/api/types";
import type { RunView } from "./view";

/**
 * `moving`: at work, or about to be. `asks`: waits for answers. `held`: a person or a breakpoint holds it.
 * `limited`: a limit or a budget stopped it. `stuck`: its graph has changed. `over`: nothing can happen any more.
 */
export type Standing = "moving" | "asks" | "held" | "limited" | "stuck" | "over";

const RESTS: Record<PauseReason, Standing> = {
  question: "asks",
  asked: "held",
  breakpoint: "held",
  limit: "limited",
  budget: "limited",
  version: "stuck",
};

export function standingOf(status: Status, view: RunView, run: Run | null): Standing {
  if (isEnded(status)) return "over";
  if (status !== "paused") return "moving";
  if (view.pause) return RESTS[view.pause];
  return run ? restOf(run) : "asks";
}

/** The same from a row of a list alone, which tells less. */
export function restOf(run: Run): Standing {
  if (isEnded(run.status)) return "over";
  if (run.status !== "paused") return "moving";
  if (run.questions.length > 0) return "asks";
  return /^(limit|budget)\b/.test(run.error ?? "") ? "limited" : "held";
}

export function questionsOf(view: RunView, run: Run | null): Question[] {
  const asked = view.questions.length > 0 ? view.questions : (run?.questions ?? []);
  const open =
    run && run.status === "paused" && run.seq >= view.seq ? new Set(run.questions.map(({ id }) => id)) : null;
  // Of several questions some may have been answered since: the row knows.
  return open ? asked.filter(({ id }) => open.has(id)) : asked;
}

/** A higher limit to offer: twice the number that the message ends with. */
export function higher(message: string): number | null {
  const numbers = message.split(";")[0]!.match(/\d+(?:\.\d+)?/g);
  const last = Number(numbers?.at(-1));
  return numbers && last > 0 ? Number((last * 2).toPrecision(6)) : null;
}
