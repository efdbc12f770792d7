/** The messages of a thread as far as they are loaded: sparse, by number, so that 100,000 cost no more than a screenful. */
import type { StoredMessage } from "~/api/types";

/** Messages that are asked for at once. */
export const PAGE = 100;

export interface Loaded {
  /** The number of the newest message. */
  head: number;
  rows: ReadonlyMap<number, StoredMessage>;
  /** Pages that are complete: page `n` has the numbers `n * PAGE + 1` to `(n + 1) * PAGE`. */
  pages: ReadonlySet<number>;
}

export const nothing: Loaded = { head: 0, rows: new Map(), pages: new Set() };

export const pageOf = (seq: number): number => Math.floor((seq - 1) / PAGE);

/** `?after=&before=` of a page. */
export function rangeOf(page: number): { after: number; before: number } {
  return { after: page * PAGE, before: (page + 1) * PAGE + 1 };
}

/** Adds rows; the head moves up with them. */
export function add(loaded: Loaded, items: readonly StoredMessage[], head = 0): Loaded {
  const rows = new Map(loaded.rows);
  let top = Math.max(loaded.head, head);
  for (const item of items) {
    rows.set(item.seq, item);
    top = Math.max(top, item.seq);
  }
  return { ...loaded, head: top, rows };
}

/** Marks a page as asked and answered: numbers in it without a row belong to a nested conversation, or are gone. */
export function complete(loaded: Loaded, page: number): Loaded {
  return { ...loaded, pages: new Set(loaded.pages).add(page) };
}

/** The pages that are needed to show the messages `from` to `to` and are not there yet. */
export function missing(loaded: Loaded, from: number, to: number): number[] {
  const out: number[] = [];
  for (let page = pageOf(Math.max(1, from)); page <= pageOf(Math.min(loaded.head, to)); page++) {
    if (loaded.pages.has(page)) continue;
    const first = page * PAGE + 1;
    const last = Math.min(loaded.head, (page + 1) * PAGE);
    for (let seq = first; seq <= last; seq++) {
      if (!loaded.rows.has(seq)) {
        out.push(page);
        break;
      }
    }
  }
  return out;
}

/** Loaded and not there: nothing to show under this number. */
export function isAbsent(loaded: Loaded, seq: number): boolean {
  return !loaded.rows.has(seq) && loaded.pages.has(pageOf(seq));
}

/** The result of a call made in message `seq`: it stands in one of the tool messages right after it. */
export function resultOf(loaded: Loaded, seq: number, callId: string) {
  for (let at = seq + 1; at <= loaded.head; at++) {
    const row = loaded.rows.get(at);
    if (!row) {
      if (isAbsent(loaded, at)) continue;
      return undefined;
    }
    if (row.message.role !== "tool") return undefined;
    for (const part of row.message.parts) {
      if (part.type === "tool_result" && part.call_id === callId) return part;
    }
  }
  return undefined;
}
