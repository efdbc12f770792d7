/** What was said of one thing: its thumb, what it should have been, its labels. Pure. */
import type { Remark } from "~/api/types";

export interface Said {
  /** The last thumb counts. */
  thumb: Remark | null;
  corrections: Remark[];
  labels: Remark[];
}

/** `message` 0 is the run as a whole. */
export function saidOf(remarks: readonly Remark[], run: string, message: number): Said {
  const said: Said = { thumb: null, corrections: [], labels: [] };
  for (const remark of remarks) {
    if (remark.run !== run || (remark.message ?? 0) !== message) continue;
    if (remark.kind === "thumb") said.thumb = remark;
    else if (remark.kind === "correction") said.corrections.push(remark);
    else said.labels.push(remark);
  }
  return said;
}

export const isSilent = ({ thumb, corrections, labels }: Said): boolean =>
  thumb === null && corrections.length === 0 && labels.length === 0;

/** Labels that were given before, to choose from. */
export function labelsOf(remarks: readonly Remark[]): string[] {
  return [...new Set(remarks.filter(({ kind }) => kind === "label").map(({ value }) => value))].sort();
}
