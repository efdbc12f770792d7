/** The fields of a profile: what their memories say, and what a form changed of them. Pure. */
import type { Json, JsonObject, KeptMemory, Memory } from "~/api/types";

/** A value as one line; lists of words as words. */
export function fieldText(value: Json): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  return JSON.stringify(value);
}

/** Every value that a field had, the newest first. Its memory says `field: JSON`. */
export function valuesOf(kept: readonly KeptMemory[], field: string): { memory: Memory; value: Json }[] {
  return kept
    .filter(({ memory }) => memory.attribute === field)
    .map(({ memory }) => ({ memory, value: valueOf(memory.text) }))
    .sort((a, b) => b.memory.valid_from - a.memory.valid_from || b.memory.known_from - a.memory.known_from);
}

function valueOf(text: string): Json {
  const json = text.slice(text.indexOf(": ") + 2);
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** What differs; what was taken out of the form holds no more, and is `null`. */
export function changedFields(before: JsonObject, after: JsonObject): JsonObject {
  const changes: JsonObject = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const value = after[name] ?? null;
    if (JSON.stringify(before[name] ?? null) !== JSON.stringify(value)) changes[name] = value;
  }
  return changes;
}
