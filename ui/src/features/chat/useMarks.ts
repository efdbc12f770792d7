/** Marks what was searched for in the rows that are in the page: by the CSS Highlight API, so the page itself stays as it is. */
import { type RefObject, useEffect } from "react";

/** `stamp` changes whenever other rows are in the page. */
export function useMarks(root: RefObject<HTMLElement | null>, query: string, now: number | null, stamp: string): void {
  useEffect(() => {
    if (typeof CSS === "undefined" || !("highlights" in CSS)) return undefined;
    const needle = query.trim().toLowerCase();
    if (!needle || !root.current) {
      clear();
      return undefined;
    }
    const frame = requestAnimationFrame(() => root.current && mark(root.current, needle, now));
    return () => cancelAnimationFrame(frame);
  }, [root, query, now, stamp]);
  useEffect(() => clear, []);
}

function clear(): void {
  if (typeof CSS === "undefined" || !("highlights" in CSS)) return;
  CSS.highlights.delete("find");
  CSS.highlights.delete("find-now");
}

function mark(root: HTMLElement, needle: string, now: number | null): void {
  const all = new Highlight();
  const current = new Highlight();
  for (const article of root.querySelectorAll<HTMLElement>("[data-seq]")) {
    const target = Number(article.dataset.seq) === now ? current : all;
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.nodeValue?.toLowerCase() ?? "";
      for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + needle.length);
        target.add(range);
      }
    }
  }
  CSS.highlights.set("find", all);
  CSS.highlights.set("find-now", current);
}
