/** Which stretch of an excerpt a citation means. Pure. */
import type { Excerpt } from "~/api/types";

/** At most so much is marked. Characters. */
const MOST = 2_000;

/**
 * The excerpt in three: before, the passage, after. Offsets count characters of the document as Unicode has them. The
 * passage ends where its words do, if they are known and stand there; else with its paragraph, to which its headings belong.
 */
export function cut({ text, offset }: Excerpt, at: number, words = ""): [string, string, string] {
  const before = [...text].slice(0, Math.max(0, at - offset)).join("");
  const rest = text.slice(before.length);
  const blank = /(?:\s*#{1,6} .*\n+)*\S[^]*?\n\s*\n/.exec(rest);
  const paragraph = blank ? blank.index + blank[0].trimEnd().length : rest.length;
  const end = Math.min(words && rest.startsWith(words) ? words.length : paragraph, MOST);
  return [before, rest.slice(0, end), rest.slice(end)];
}
