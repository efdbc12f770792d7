/** The checkpoints of a thread, as they are shown. Pure. */
import type { Envelope, Moment } from "~/api/types";

/** The step whose state a checkpoint is compared with: the one it continues, or the one before. */
export function before(moment: Moment, moments: readonly Moment[]): number | null {
  if (moment.parent !== null) return moment.parent;
  const earlier = moments.filter(({ step }) => step < moment.step).map(({ step }) => step);
  return earlier.length > 0 ? Math.max(...earlier) : null;
}

/** Steps that a later fork left: they are on record, but not in the thread's past any more. */
export function left(moments: readonly Moment[]): ReadonlySet<number> {
  const gone = new Set<number>();
  for (const { step, parent } of moments) {
    if (parent === null) continue;
    for (const other of moments) if (other.step > parent && other.step < step) gone.add(other.step);
  }
  return gone;
}

/** By step, what began there that must not happen twice. */
export function effects(events: readonly Envelope[]): ReadonlyMap<number, string[]> {
  const found = new Map<number, string[]>();
  for (const { event, path } of events) {
    if (event.type !== "effect.started") continue;
    const step = Number.parseInt(path[1] ?? "", 10);
    if (Number.isFinite(step)) found.set(step, [...(found.get(step) ?? []), event.name]);
  }
  return found;
}

/** The newest checkpoint in which a node's work is; where it would be run again from. */
export function lastOf(node: string, moments: readonly Moment[]): number | null {
  return moments.find(({ made_by }) => made_by.includes(node))?.step ?? null;
}
