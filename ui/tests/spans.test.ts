import { expect, it } from "vitest";
import { ticks, waterfall } from "~/run/spans";
import { emptyView, type Span } from "~/run/view";

const span = (kind: Span["kind"], name: string, path: string[], start: number, end: number | null): Span => ({
  id: `${kind}:${path.join("/")}:${name}`,
  kind,
  name,
  path,
  start,
  end,
  failed: false,
});
const shape = (spans: Span[]) => {
  const view = { ...emptyView("r"), startedAt: 0, endedAt: 10, status: "finished" as const, spans };
  return waterfall(view).rows.map((row) => `${"  ".repeat(row.depth)}${row.span.name}`);
};

it("puts work under the node that did it", () => {
  expect(
    shape([
      span("model", "gpt", ["a", "1:think"], 1, 2),
      span("node", "think", ["a", "1:think"], 1, 2),
      span("node", "act", ["a", "2:act#0"], 3, 5),
      span("tool", "add", ["a", "2:act#0"], 3, 5),
    ]),
  ).toEqual(["think", "  gpt", "act", "  add"]);
});

it("nests a called agent under the node that called it", () => {
  expect(
    shape([
      span("node", "write", ["desk", "1:write"], 1, 9),
      span("node", "think", ["desk", "1:write", "writer#1", "1:think"], 2, 8),
      span("model", "gpt", ["desk", "1:write", "writer#1", "1:think"], 2, 8),
    ]),
  ).toEqual(["write", "  think", "    gpt"]);
});

it("keeps what runs side by side on one level", () => {
  expect(shape([span("node", "act", ["a", "2:act#0"], 3, 5), span("node", "act", ["a", "2:act#1"], 3, 4)])).toEqual([
    "act",
    "act",
  ]);
});

it("has no end while something is open", () => {
  const view = {
    ...emptyView("r"),
    startedAt: 5,
    status: "running" as const,
    open: new Map([["x", span("node", "n", [], 6, null)]]),
  };
  expect(waterfall(view)).toMatchObject({ from: 5, to: null });
});

it("ends with the last thing that ended", () => {
  const view = {
    ...emptyView("r"),
    startedAt: 1,
    endedAt: 7,
    status: "finished" as const,
    spans: [span("node", "n", [], 2, 6)],
  };
  expect(waterfall(view)).toMatchObject({ from: 1, to: 7 });
});

it.each([
  [1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [0.165, 6, [0, 0.05, 0.1, 0.15]],
  [42, 6, [0, 10, 20, 30, 40]],
  [0, 6, [0]],
])("cuts %s s into at most %s round pieces", (length, most, expected) => {
  expect(ticks(length, most).map((mark) => Number(mark.toFixed(6)))).toEqual(expected);
});
