/** What a person writes into the state, channel by channel, as the API takes it. */
import type { Json } from "~/api/types";

export interface Edit {
  channel: string;
  text: string;
  /** Whether it takes the place of what is there, past the channel's own rule. */
  whole: boolean;
}

export interface Writes {
  writes: Record<string, Json>;
  overwrite: string[];
}

/** Raises a SyntaxError where a text is no JSON. */
export function written(edits: readonly Edit[]): Writes {
  return {
    writes: Object.fromEntries(edits.map(({ channel, text }) => [channel, JSON.parse(text) as Json])),
    overwrite: edits.filter(({ whole }) => whole).map(({ channel }) => channel),
  };
}

/** The channel of an agent's conversation; its values stand among the messages, not among the values. */
export const CONVERSATION = "conversation";

/** Lists begin empty: mostly what is written is added to them; one that is replaced begins as it is. */
export function start(channel: string, value: Json, whole = false): string {
  if (channel === CONVERSATION) return '""';
  return Array.isArray(value) && !whole ? "[]" : JSON.stringify(value ?? null, null, 2);
}
