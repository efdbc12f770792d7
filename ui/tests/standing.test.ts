import { describe, expect, it } from "vitest";
import type { Envelope, Run, RunEvent } from "~/api/types";
import { breakpoint, same, whereOf } from "~/features/control/breakpoints";
import { reduceAll } from "~/run/reduce";
import { higher, questionsOf, restOf, standingOf } from "~/run/standing";
import { emptyView } from "~/run/view";

const seen = (...events: RunEvent[]) =>
  reduceAll(
    emptyView("r"),
    events.map((event, at): Envelope => ({ run_id: "r", seq: at + 1, at, path: ["a"], event })),
  );
const started: RunEvent = { type: "run.started", target: "a" };
const row = (over: Partial<Run>): Run => ({
  id: "r",
  thread_id: "t",
  target: "a",
  user_id: "",
  status: "paused",
  input: null,
  output: null,
  error: null,
  usage: null,
  seq: 2,
  questions: [],
  created_at: 0,
  updated_at: 0,
  ...over,
});
const question = { id: "q", payload: "May I?" };

describe("how a run stands", () => {
  it.each([
    ["question", "asks"],
    ["asked", "held"],
    ["breakpoint", "held"],
    ["limit", "limited"],
    ["budget", "limited"],
    ["version", "stuck"],
  ] as const)("paused for %s: %s", (reason, standing) => {
    expect(standingOf("paused", seen(started, { type: "run.paused", reason }), null)).toBe(standing);
  });
  it("moves, or is over", () => {
    expect([standingOf("running", seen(started), null), standingOf("finished", seen(started), null)]).toEqual([
      "moving",
      "over",
    ]);
  });
  it("is read from its row where no event was heard yet", () => {
    expect([
      restOf(row({ questions: [question] })),
      restOf(row({ error: "limit: the agent took 1 turns" })),
      restOf(row({})),
      restOf(row({ status: "running" })),
    ]).toEqual(["asks", "limited", "held", "moving"]);
  });
  it("forgets why it rested when it goes on", () => {
    const view = seen(
      started,
      { type: "limit.reached", limit: "turns", message: "the agent took 1 turns" },
      { type: "run.paused", reason: "limit" },
      { type: "run.resumed", target: "a", reason: "answered" },
    );
    expect([view.pause, view.limit]).toEqual([null, null]);
  });
  it("goes on as soon as something begins, before that is on record", () => {
    const view = seen(started, { type: "run.paused", reason: "asked" }, { type: "node.started", node: "tick" });
    expect([view.status, view.pause, view.open.size]).toEqual(["running", null, 1]);
  });
  it("tells that a command was refused, until one is taken", () => {
    const no: RunEvent = { type: "run.steered", command: "rerun", by: "api", number: 1, refused: "no such node" };
    const yes: RunEvent = { type: "run.steered", command: "step", by: "api", number: 2 };
    expect(seen(started, no).refused).toEqual({ command: "rerun", why: "no such node" });
    expect(seen(started, no, yes).refused).toBeNull();
  });
  it("asks only what the server says is still open", () => {
    const view = seen(started, { type: "run.paused", questions: [question, { ...question, id: "p" }] });
    expect(questionsOf(view, row({ questions: [question] })).map(({ id }) => id)).toEqual(["q"]);
    expect(questionsOf(view, null)).toHaveLength(2);
  });
});

it.each([
  ["the agent took 50 turns, which is its limit; to go on, resume the run with higher limits", 100],
  ["the run used 1200 tokens of at most 1000", 2000],
  ["the run cost $0.0512 of at most $0.0500", 0.1],
  ["nothing to read", null],
])("a higher limit than %j: %j", (message, expected) => expect(higher(message)).toBe(expected));

describe("a breakpoint", () => {
  it.each([
    ["before", " act ", { node: "act", after: false }],
    ["after", "act", { node: "act", after: true }],
    ["tool", "pay", { tool: "pay" }],
    ["when", "n >= 3", { when: "n >= 3" }],
  ] as const)("%s %j", (where, text, expected) => {
    const point = breakpoint(where, text);
    expect(point).toEqual(expected);
    expect(whereOf(point)).toEqual({ where, name: text.trim() });
  });
  it("is the same with and without what is left out", () => {
    expect(same({ node: "a" }, { node: "a", after: false, tool: null })).toBe(true);
    expect(same({ node: "a" }, { node: "a", after: true })).toBe(false);
  });
});
