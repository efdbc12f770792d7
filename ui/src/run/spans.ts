/** Lays the work of a run out as a waterfall: one row each, indented under the work it is part of. */
import type { RunView, Span } from "./view";

export interface Row {
  span: Span;
  depth: number;
}

export interface Waterfall {
  rows: Row[];
  /** Seconds since the epoch. */
  from: number;
  /** Of the last thing that ended; `null` where something is still open (it ends "now"). */
  to: number | null;
}

export function waterfall(view: RunView): Waterfall {
  const spans = [...view.spans, ...view.open.values()].sort(byStart);
  const rows: Row[] = [];
  const around: Span[] = []; // what encloses the span at hand, outermost first
  for (const span of spans) {
    while (around.length > 0 && !encloses(around[around.length - 1]!, span)) around.pop();
    rows.push({ span, depth: around.length });
    if (span.kind === "node") around.push(span);
  }
  const from = Math.min(view.startedAt ?? Infinity, ...spans.map((span) => span.start));
  const open = view.open.size > 0 || view.status === "running";
  const ends = spans.map((span) => span.end ?? span.start);
  return { rows, from: Number.isFinite(from) ? from : 0, to: open ? null : Math.max(view.endedAt ?? 0, from, ...ends) };
}

/** Earlier first; of those that start together the outer one (shorter path, nodes before what they do). */
function byStart(a: Span, b: Span): number {
  const rank = { node: 0, model: 1, tool: 2 } as const;
  return a.start - b.start || a.path.length - b.path.length || rank[a.kind] - rank[b.kind];
}

function encloses(outer: Span, inner: Span): boolean {
  if (outer.kind !== "node" || outer.id === inner.id) return false;
  if (outer.path.length > inner.path.length) return false;
  if (outer.path.length === inner.path.length && inner.kind === "node") return false;
  if (!outer.path.every((step, at) => step === inner.path[at])) return false;
  const slack = 0.002; // clocks are read one after the other
  if (outer.end !== null && inner.start > outer.end + slack) return false;
  return inner.start >= outer.start - slack;
}

/** Round steps (1, 2, 5 x 10^n seconds) that cut `length` into at most `most` pieces. */
export function ticks(length: number, most: number): number[] {
  if (!(length > 0)) return [0];
  const raw = length / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw) ?? 10 * power;
  const out: number[] = [];
  for (let at = 0; at * step <= length; at++) out.push(at * step);
  return out;
}
