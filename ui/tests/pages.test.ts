import { describe, expect, it } from "vitest";
import type { StoredMessage } from "~/api/types";
import { add, answered, isAbsent, missing, nothing, PAGE, pageOf, rangeOf, resultOf } from "~/features/chat/pages";
import { search } from "~/features/chat/search";

const message = (seq: number, text = `message ${seq}`): StoredMessage => ({
  seq,
  run_id: null,
  at: 0,
  message: { role: "user", parts: [{ type: "text", text }] },
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => message(from + at));

it.each([
  [1, 0],
  [PAGE, 0],
  [PAGE + 1, 1],
])("message %s is on page %s", (seq, page) => {
  expect(pageOf(seq)).toBe(page);
  const { after, before } = rangeOf(page);
  expect(seq > after && seq < before).toBe(true);
});

describe("what is missing", () => {
  const loaded = add(nothing, range(1951, 2000));
  it("is nothing where rows are", () => expect(missing(loaded, 1960, 2000)).toEqual([]));
  it("is a page where they are not", () => expect(missing(loaded, 1850, 1990)).toEqual([18, 19]));
  it("is nothing beyond the end", () => expect(missing(loaded, 1990, 5000)).toEqual([]));
  it("is not asked for twice where a number belongs to another conversation", () => {
    const gaps = answered(add(nothing, [message(1), message(5)]), 0, 5);
    expect(missing(gaps, 1, 5)).toEqual([]);
    expect([isAbsent(gaps, 3), isAbsent(gaps, 5)]).toEqual([true, false]);
  });
  it("is asked for again where the thread has grown since", () => {
    const grown = add(answered(add(nothing, range(1, 5)), 0, 5), [message(8)]);
    expect(missing(grown, 1, 8)).toEqual([0]);
    expect(isAbsent(grown, 7)).toBe(false);
  });
});

it("finds the result of a call in the tool messages right after it", () => {
  const tool = (seq: number, callId: string): StoredMessage => ({
    seq,
    run_id: null,
    at: 0,
    message: { role: "tool", parts: [{ type: "tool_result", call_id: callId, name: "t", content: callId }] },
  });
  const loaded = add(nothing, [message(1), tool(2, "a"), tool(3, "b"), message(4), tool(5, "c")]);
  expect(resultOf(loaded, 1, "b")?.content).toBe("b");
  expect(resultOf(loaded, 1, "c")).toBeUndefined();
});

describe("search", () => {
  const call: StoredMessage = {
    seq: 2,
    run_id: null,
    at: 0,
    message: {
      role: "assistant",
      parts: [{ type: "tool_call", id: "c", name: "weather", arguments: { city: "Rome" } }],
    },
  };
  const result: StoredMessage = {
    seq: 3,
    run_id: null,
    at: 0,
    message: { role: "tool", parts: [{ type: "tool_result", call_id: "c", name: "weather", content: "Sunny" }] },
  };
  const loaded = add(nothing, [message(1, "How is Rome?"), call, result, message(4, "bye")]);
  it.each([
    ["rome", [1, 2]],
    ["SUNNY", [2]],
    ["  bye ", [4]],
    ["", []],
    ["snow", []],
  ])("of %j finds %j", (query, expected) => {
    expect(search(loaded, query)).toEqual(expected);
  });
});
