/** What a run's agent was told unasked or found: memories that came to its mind, and passages that it may cite. Pure. */
import type { Cited, Envelope } from "~/api/types";

export interface Told {
  /** Ids of memories, best fit first. */
  recalled: readonly string[];
  /** Passages of documents, by the number that an answer cites. */
  sources: ReadonlyMap<number, Cited>;
}

export const NOTHING: Told = { recalled: [], sources: new Map() };

export function toldOf(events: readonly Envelope[]): Told {
  const recalled = new Set<string>();
  const sources = new Map<number, Cited>();
  for (const { event } of events) {
    if (event.type === "memory.recalled") for (const id of event.ids) recalled.add(id);
    else if (event.type === "knowledge.found") for (const source of event.sources) sources.set(source.n, source);
  }
  return recalled.size + sources.size === 0 ? NOTHING : { recalled: [...recalled], sources };
}
