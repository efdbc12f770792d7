/** What the address of the page of memories says. */
import type { MemoryKind, MemoryTab, Whose } from "~/api/types";

export interface MemoryView {
  tab?: MemoryTab;
  /** Whose; everybody's of the workspace, if nobody is named. */
  user?: string;
  q?: string;
  kind?: MemoryKind;
  of?: Whose;
  /** The memory that is open. */
  id?: string;
}

export function without<K extends keyof MemoryView>(view: MemoryView, ...names: K[]): Omit<MemoryView, K> {
  const rest = { ...view };
  for (const name of names) delete rest[name];
  return rest;
}

/** Whoever is meant where nobody is named. */
export const LOCAL = "local";
