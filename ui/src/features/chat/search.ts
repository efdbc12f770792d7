/** Finds words in the messages of a thread. Pure. */
import type { Message } from "~/api/types";
import type { Loaded } from "./pages";

/** The numbers of the messages that show `query`, oldest first. A tool's result counts for the call that it answers. */
export function search(loaded: Loaded, query: string): number[] {
  const needle = query.trim().toLowerCase();
  if (!needle) return [];
  const found = new Set<number>();
  let spoken = 0;
  for (let seq = 1; seq <= loaded.head; seq++) {
    const row = loaded.rows.get(seq);
    if (!row) continue;
    if (row.message.role !== "tool") spoken = seq;
    if (spoken > 0 && wordsOf(row.message).includes(needle)) found.add(spoken);
  }
  return [...found];
}

const words = new WeakMap<Message, string>();

function wordsOf(message: Message): string {
  let text = words.get(message);
  if (text === undefined) {
    text = message.parts
      .map((part) => {
        if (part.type === "text" || part.type === "reasoning") return part.text;
        if (part.type === "tool_call") return `${part.name} ${JSON.stringify(part.arguments ?? {})}`;
        return part.type === "tool_result" ? part.content : (part.name ?? "");
      })
      .join("\n")
      .toLowerCase();
    words.set(message, text);
  }
  return text;
}
