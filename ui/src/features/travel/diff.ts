/** What differs between two states, value by value. Pure. */
import type { Json } from "~/api/types";

export interface Change {
  /** From the channel down: "plan.steps[2].done". */
  path: string;
  kind: "added" | "removed" | "changed";
  before?: Json;
  after?: Json;
}

/** Below this many levels values are compared as a whole. */
const DEPTH = 6;

export function changes(before: Record<string, Json>, after: Record<string, Json>): Change[] {
  const found: Change[] = [];
  inObject(before, after, "", found, DEPTH);
  return found;
}

function compare(before: Json, after: Json, path: string, found: Change[], depth: number): void {
  if (same(before, after)) return;
  if (depth > 0 && isObject(before) && isObject(after)) inObject(before, after, path, found, depth - 1);
  else if (depth > 0 && Array.isArray(before) && Array.isArray(after)) inArray(before, after, path, found, depth - 1);
  else found.push({ path, kind: "changed", before, after });
}

function inObject(
  before: Record<string, Json>,
  after: Record<string, Json>,
  path: string,
  found: Change[],
  depth: number,
): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const here = path ? `${path}.${key}` : key;
    if (!(key in after)) found.push({ path: here, kind: "removed", before: before[key] });
    else if (!(key in before)) found.push({ path: here, kind: "added", after: after[key] });
    else compare(before[key], after[key], here, found, depth);
  }
}

/** Lists mostly grow at their end: what stands at one place is compared, the rest is new or gone. */
function inArray(before: Json[], after: Json[], path: string, found: Change[], depth: number): void {
  for (let at = 0; at < Math.max(before.length, after.length); at++) {
    const here = `${path}[${at}]`;
    if (at >= after.length) found.push({ path: here, kind: "removed", before: before[at] });
    else if (at >= before.length) found.push({ path: here, kind: "added", after: after[at] });
    else compare(before[at], after[at], here, found, depth);
  }
}

function same(a: Json, b: Json): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
