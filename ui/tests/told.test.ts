/** What an agent was told, what was said of it, and where a citation leads. */
import { describe, expect, it } from "vitest";
import type { Envelope, Remark } from "~/api/types";
import { isSilent, labelsOf, saidOf } from "~/features/feedback/remarks";
import { cut } from "~/features/knowledge/excerpt";
import { NOTHING, toldOf } from "~/run/told";
import { size } from "~/ui/format";
import { linked } from "~/ui/Markdown";

const happened = (event: object, seq = 1): Envelope => ({
  run_id: "r",
  seq,
  at: 1,
  path: [],
  event: event as Envelope["event"],
});

describe("what a run was told", () => {
  it("is nothing where no event tells of it", () => {
    expect(toldOf([])).toBe(NOTHING);
    expect(toldOf([happened({ type: "run.started", target: "host" })])).toBe(NOTHING);
  });
  it("is each memory once, and each passage by its number", () => {
    const source = { n: 7, collection: "tea", document: "doc_1", name: "tea.md", page: 2, offset: 40 };
    const told = toldOf([
      happened({ type: "memory.recalled", ids: ["a", "b"] }),
      happened({ type: "memory.recalled", ids: ["b", "c"] }),
      happened({ type: "knowledge.found", sources: [source] }),
    ]);
    expect(told.recalled).toEqual(["a", "b", "c"]);
    expect(told.sources.get(7)).toEqual(source);
  });
});

describe("what was said", () => {
  const remark = (part: Partial<Remark>): Remark => ({
    ...{ n: 1, user: "u", thread: "t", run: "r", message: 2, agent: "host", kind: "thumb", value: "up" },
    ...{ author: "local", at: 1 },
    ...part,
  });
  it("is of one message, and the last thumb counts", () => {
    const all = [
      remark({ n: 1 }),
      remark({ n: 2, value: "down" }),
      remark({ n: 3, kind: "correction", value: "x" }),
      remark({ n: 4, kind: "label", value: "late" }),
      remark({ n: 5, message: 3 }),
      remark({ n: 6, run: "other" }),
    ];
    const said = saidOf(all, "r", 2);
    expect([said.thumb?.n, said.corrections.map(({ n }) => n), said.labels.map(({ n }) => n)]).toEqual([2, [3], [4]]);
    expect([isSilent(said), isSilent(saidOf(all, "r", 9)), isSilent(saidOf(all, "r", 0))]).toEqual([false, true, true]);
  });
  it("has labels to choose from, each once", () => {
    const labels = ["b", "a", "b"].map((value, n) => remark({ n, kind: "label", value }));
    expect(labelsOf([...labels, remark({})])).toEqual(["a", "b"]);
  });
});

describe("citations", () => {
  const sources = new Set([1, 17]);
  it.each([
    ["Green [17].", 'Green [<a href="#source-17" class="cite">17</a>].'],
    ["both [1, 17]", 'both [<a href="#source-1" class="cite">1</a>, <a href="#source-17" class="cite">17</a>]'],
    ["[2, 1]", '[2, <a href="#source-1" class="cite">1</a>]'],
    ["an array [2] and [x], 17", "an array [2] and [x], 17"],
  ])("%s", (text, html) => expect(linked(text, sources)).toBe(html));
});

describe("an excerpt", () => {
  const text = "Before.\n\nGreen tea.\nHot.\n\nAfter.";
  it("is cut at the passage's paragraph", () =>
    expect(cut({ text, offset: 100 }, 109)).toEqual(["Before.\n\n", "Green tea.\nHot.", "\n\nAfter."]));
  it("takes its headings along", () =>
    expect(cut({ text: "# Tea\n\n## Green\n\nHot.\n\nAfter.", offset: 0 }, 0)[1]).toBe("# Tea\n\n## Green\n\nHot."));
  it("is cut where the passage's words end", () =>
    expect(cut({ text, offset: 100 }, 109, "Green")).toEqual(["Before.\n\n", "Green", " tea.\nHot.\n\nAfter."]));
  it("counts as Unicode does", () => expect(cut({ text: "🍵🍵 tea", offset: 0 }, 3)[1]).toBe("tea"));
  it("holds still where the offset is not in it", () => {
    expect(cut({ text: "tea", offset: 50 }, 0)).toEqual(["", "tea", ""]);
    expect(cut({ text: "tea", offset: 0 }, 99)).toEqual(["tea", "", ""]);
  });
});

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1500, "1.5 kB"],
  [123_456, "123 kB"],
  [999_600, "1.0 MB"],
  [2.5e9, "2.5 GB"],
])("%d bytes are %s", (bytes, words) => expect(size(bytes)).toBe(words));
