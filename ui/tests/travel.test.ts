import { describe, expect, it } from "vitest";
import type { Envelope, Moment } from "~/api/types";
import { changes } from "~/features/travel/diff";
import { start, written } from "~/features/travel/edits";
import { before, effects, lastOf, left } from "~/features/travel/moments";

describe("what differs between two states", () => {
  it.each([
    [{ a: 1 }, { a: 1 }, []],
    [{}, { a: 1 }, [{ path: "a", kind: "added", after: 1 }]],
    [{ a: 1 }, {}, [{ path: "a", kind: "removed", before: 1 }]],
    [{ a: 1 }, { a: null }, [{ path: "a", kind: "changed", before: 1, after: null }]],
    [
      { plan: { steps: [{ done: false }] } },
      { plan: { steps: [{ done: true }, { done: false }] } },
      [
        { path: "plan.steps[0].done", kind: "changed", before: false, after: true },
        { path: "plan.steps[1]", kind: "added", after: { done: false } },
      ],
    ],
    [{ a: [1] }, { a: { 0: 1 } }, [{ path: "a", kind: "changed", before: [1], after: { 0: 1 } }]],
  ])("%j and %j", (a, b, expected) => expect(changes(a, b)).toEqual(expected));
});

const moment = (step: number, over: Partial<Moment> = {}): Moment => ({
  thread_id: "t",
  path: "order",
  step,
  parent: null,
  source: "step",
  run_id: "r",
  at: 0,
  made_by: [],
  next: [],
  changed: [],
  version: "",
  graph: "",
  head_seq: 0,
  ...over,
});
/** Steps 1 to 3, then back to 1. */
const FORKED = [moment(4, { parent: 1, source: "fork" }), moment(3), moment(2, { made_by: ["a"] }), moment(1)];

describe("the steps of a thread", () => {
  it("are compared with the step before, a fork with the one that it continues", () => {
    expect(FORKED.map((one) => before(one, FORKED))).toEqual([1, 2, 1, null]);
  });
  it("tell which were left", () => expect([...left(FORKED)]).toEqual([3, 2]));
  it("tell where a node ran last", () => expect([lastOf("a", FORKED), lastOf("b", FORKED)]).toEqual([2, null]));
  it("tell what must not happen twice", () => {
    const event = { type: "effect.started", name: "pay", key: "k" } as const;
    const envelope: Envelope = { run_id: "r", seq: 1, at: 0, path: ["agent", "2:act#0"], event };
    expect([...effects([envelope])]).toEqual([[2, ["pay"]]]);
  });
});

describe("what a person writes into the state", () => {
  it("is told by channel, and what it replaces beside it", () => {
    const edits = [
      { channel: "price", text: "90", whole: false },
      { channel: "notes", text: '["new"]', whole: true },
    ];
    expect(written(edits)).toEqual({ writes: { price: 90, notes: ["new"] }, overwrite: ["notes"] });
    expect(() => written([{ channel: "price", text: "much", whole: false }])).toThrow(SyntaxError);
  });

  it("begins empty where it is added, and as it is where it is replaced", () => {
    expect([start("notes", ["a"]), start("notes", ["a"], true), start("conversation", ["a"])]).toEqual([
      "[]",
      '[\n  "a"\n]',
      '""',
    ]);
  });
});
