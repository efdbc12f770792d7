import { describe, expect, it } from "vitest";
import type { Envelope, RunEvent } from "~/api/types";
import { addUsage, dropPassing, reduce, reduceAll } from "~/run/reduce";
import { emptyView, type RunView } from "~/run/view";

const PATH = ["desk", "1:think"];

/** Numbers durable events as a server does; passing ones carry the number before. */
function log(...events: (RunEvent | [RunEvent, string[]])[]): Envelope[] {
  let seq = 0;
  return events.map((item, at) => {
    const [event, path] = Array.isArray(item) ? item : [item, PATH];
    const passing = ["delta", "node.started", "model.started", "tool.started"].includes(event.type);
    if (!passing) seq += 1;
    return { run_id: "r", seq, at: 100 + at, path, event };
  });
}

const run = (...events: Parameters<typeof log>) => reduceAll(emptyView("r"), log(...events));
const delta = (text: string, kind?: "reasoning"): RunEvent => ({
  type: "delta",
  message_id: "m",
  text,
  ...(kind ? { kind } : {}),
});
const said = (seq: number, text: string): RunEvent => ({
  type: "message.added",
  seq,
  message: { role: "assistant", id: "m", parts: [{ type: "text", text }] },
});

describe("how a run stands", () => {
  const started: RunEvent = { type: "run.started", target: "desk" };
  const question = { id: "q", payload: "May I?" };
  const table: [string, RunEvent[], Partial<RunView>][] = [
    ["nothing yet", [], { status: "unknown", seq: 0 }],
    ["started", [started], { status: "running", target: "desk", startedAt: 100 }],
    [
      "paused",
      [started, { type: "run.paused", questions: [question] }],
      { status: "paused", questions: [question], endedAt: 101 },
    ],
    [
      "resumed",
      [started, { type: "run.paused", questions: [question] }, { type: "run.resumed", target: "desk" }],
      { status: "running", questions: [], endedAt: null, startedAt: 100 },
    ],
    [
      "finished",
      [started, { type: "run.finished", output: 42, usage: { input_tokens: 3 } }],
      { status: "finished", output: 42, usage: { input_tokens: 3 } },
    ],
    ["finished without output", [started, { type: "run.finished" }], { status: "finished", output: null }],
    [
      "failed",
      [started, { type: "run.failed", code: "model", message: "down" }],
      { status: "failed", error: { code: "model", message: "down" } },
    ],
    [
      "cancelled",
      [started, { type: "run.cancelled", reason: "enough" }],
      { status: "cancelled", cancelReason: "enough" },
    ],
    [
      "failed, then recovered",
      [started, { type: "run.failed", code: "x", message: "y" }, { type: "run.resumed", target: "desk" }],
      { status: "running", error: null },
    ],
  ];
  it.each(table)("%s", (_, events, expected) => {
    expect(run(...events)).toMatchObject(expected);
  });
});

describe("messages in the making", () => {
  it("grow with their deltas, words and thoughts apart", () => {
    const view = run(delta("Let me", "reasoning"), delta(" see", "reasoning"), delta("Hel"), delta("lo"));
    expect(view.partials.get("m")).toEqual({
      messageId: "m",
      path: PATH,
      text: "Hello",
      reasoning: "Let me see",
      since: 100,
      textSince: 102,
    });
  });
  it("give way to the message that is stored", () => {
    const view = run(delta("Hel"), [said(2, "Hello"), ["desk"]]);
    expect(view.partials.size).toBe(0);
    expect(view.messages.map(({ seq, message }) => [seq, message.id])).toEqual([[2, "m"]]);
  });
  it("of others go on", () => {
    const other: RunEvent = { type: "delta", message_id: "n", text: "Hm" };
    const view = run(delta("Hel"), [other, ["desk", "1:ask"]], [said(2, "Hello"), ["desk"]]);
    expect([...view.partials.keys()]).toEqual(["n"]);
  });
  it("are dropped when the run rests", () => {
    expect(run(delta("Hel"), { type: "run.cancelled" }).partials.size).toBe(0);
  });
});

describe("joining in the middle", () => {
  it("replaces what was partial: nothing is written twice", () => {
    const before = run({ type: "run.started", target: "desk" }, { type: "model.started", model: "gpt" }, delta("Hel"));
    const again: Envelope[] = [
      { run_id: "r", seq: 1, at: 105, path: PATH, event: { type: "model.started", model: "gpt" } },
      { run_id: "r", seq: 1, at: 105, path: PATH, event: delta("Hello wor") },
      { run_id: "r", seq: 1, at: 106, path: PATH, event: delta("ld") },
    ];
    const view = reduceAll(dropPassing(before), again);
    expect(view.partials.get("m")?.text).toBe("Hello world");
    expect(view.open.size).toBe(1);
  });
  it("takes a durable event once", () => {
    const [first] = log({ type: "run.started", target: "desk" });
    const once = reduce(emptyView("r"), first!);
    expect(reduce(once, first!)).toBe(once);
    expect(once.events).toHaveLength(1);
  });
});

describe("work", () => {
  it("is open while it runs, and closed under the same id", () => {
    const open = run(
      { type: "node.started", node: "think" },
      { type: "tool.started", call_id: "c", name: "add", arguments: { a: 1 } },
    );
    expect([...open.open.values()].map(({ kind, end }) => [kind, end])).toEqual([
      ["node", null],
      ["tool", null],
    ]);
    const ids = [...open.open.keys()];
    const closed = reduceAll(
      open,
      log(
        { type: "tool.finished", call_id: "c", name: "add", started_at: 101 },
        { type: "node.finished", node: "think", started_at: 100 },
      ),
    );
    expect(closed.open.size).toBe(0);
    expect(closed.spans.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(closed.spans[0]).toMatchObject({ kind: "tool", start: 101, arguments: { a: 1 }, failed: false });
  });
  it("knows a tool's arguments and result from messages, where only those are stored", () => {
    const call: RunEvent = {
      type: "message.added",
      seq: 2,
      message: { role: "assistant", parts: [{ type: "tool_call", id: "c", name: "add", arguments: { a: 1 } }] },
    };
    const answer: RunEvent = {
      type: "message.added",
      seq: 3,
      message: {
        role: "tool",
        parts: [{ type: "tool_result", call_id: "c", name: "add", content: "no", failed: true }],
      },
    };
    const view = run(call, { type: "tool.finished", call_id: "c", name: "add", started_at: 100 }, answer);
    expect(view.spans[0]).toMatchObject({ arguments: { a: 1 }, failed: true, result: { content: "no" } });
  });
  it("that failed says why", () => {
    expect(run({ type: "node.failed", node: "think", code: "x", message: "down", attempt: 2 }).spans[0]).toMatchObject({
      failed: true,
      attempt: 2,
      error: { code: "x", message: "down" },
    });
  });
});

describe("usage", () => {
  const model = (cost: number | null | undefined): RunEvent => ({
    type: "model.finished",
    model: "m",
    usage: { requests: 1, input_tokens: 2, ...(cost === undefined ? {} : { cost }) },
  });
  it.each([
    [0.5, 0.25, 0.75],
    [0.5, null, null],
    [null, 0.5, null],
    [undefined, undefined, 0],
  ])("of %s and %s costs %s", (a, b, cost) => {
    const { usage } = run(model(a), model(b));
    expect(usage).toMatchObject({ requests: 2, input_tokens: 4, cost });
  });
  it("is what the run says at its end", () => {
    expect(run(model(1), { type: "run.finished", usage: { requests: 9 } }).usage).toEqual({ requests: 9 });
  });
  it("begins with the first", () => {
    expect(addUsage(null, { cost: null })).toEqual({ cost: null });
  });
});

it("never changes the view it was given", () => {
  const before = run({ type: "run.started", target: "desk" }, delta("Hel"));
  const copy = structuredClone({ ...before, open: [...before.open], partials: [...before.partials] });
  reduceAll(before, [...log({ type: "run.started", target: "x" }, said(2, "Hello"), { type: "run.finished" })]);
  expect({ ...before, open: [...before.open], partials: [...before.partials] }).toEqual(copy);
});
