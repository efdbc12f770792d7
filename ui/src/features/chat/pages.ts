/** The messages of a thread as far as they are loaded: sparse, by number, so that 100,000 cost no more than a screenful. */
import type { StoredMessage } from "~/api/types";

/** Messages that are asked for at once. */
export const PAGE = 100;

export interface Loaded {
  /** The number of the newest message. */
  head: number;
  rows: ReadonlyMap<number, StoredMessage>;
  /** By page, up to which number it was asked for; page `n` has the numbers `n * PAGE + 1` to `(n + 1) * PAGE`. */
  asked: ReadonlyMap<number, number>;
}

export const nothing: Loaded = { head: 0, rows: new Map(), asked: new Map() };

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

/** Marks a page as answered up to a number: those without a row belong to a nested conversation, or are gone. */
export function answered(loaded: Loaded, page: number, upTo: number): Loaded {
  return { ...loaded, asked: new Map(loaded.asked).set(page, Math.max(upTo, loaded.asked.get(page) ?? 0)) };
}

/** The pages that are needed to show the messages `from` to `to` and are not there yet. */
export function missing(loaded: Loaded, from: number, to: number): number[] {
  const out: number[] = [];
  for (let page = pageOf(Math.max(1, from)); page <= pageOf(Math.min(loaded.head, to)); page++) {
    const first = Math.max(from, page * PAGE + 1, (loaded.asked.get(page) ?? 0) + 1);
    const last = Math.min(to, loaded.head, (page + 1) * PAGE);
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
  return !loaded.rows.has(seq) && seq <= (loaded.asked.get(pageOf(seq)) ?? 0);
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
