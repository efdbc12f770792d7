/** What a memory is in words: its shelf, its standing, its changes, its form; and the fields of a profile. */
import { describe, expect, it } from "vitest";
import type { KeptMemory, Memory } from "~/api/types";
import {
  BLANK,
  changeOf,
  changesOf,
  dayEnd,
  dayOf,
  dayStart,
  draftOf,
  missing,
  newOf,
  shelfOf,
  standingOf,
} from "~/features/memory/lore";
import { changedFields, fieldText, valuesOf } from "~/features/memory/profile";

const memory = (part: Partial<Memory> = {}): Memory => ({
  id: "memory_1",
  version: 1,
  kind: "semantic",
  text: "Ada lives in Rome",
  subject: "ada",
  attribute: "home",
  relation: "",
  object: "",
  valid_from: 1000,
  valid_to: null,
  known_from: 1000,
  known_to: null,
  expires_at: null,
  trust: "person",
  importance: 0.5,
  pinned: false,
  embedder: null,
  rejected: null,
  ...part,
});

it.each([
  [{ user: "ada", agent: "", thread: "" }, "user"],
  [{ user: "ada", agent: "host", thread: "" }, "agent"],
  [{ user: null, agent: "host", thread: "" }, "practice"],
  [{ user: "ada", agent: "", thread: "t" }, "thread"],
  [{ user: null, agent: "", thread: "" }, "workspace"],
] as const)("%j lies on the shelf %s", (place, shelf) => expect(shelfOf(place)).toBe(shelf));

it.each([
  [{}, 2000, "holds"],
  [{}, 999, "later"],
  [{ valid_to: 2000 }, 1999, "holds"],
  [{ valid_to: 2000 }, 2000, "ended"],
  [{ expires_at: 1500, valid_to: 1400 }, 2000, "forgotten"],
  [{ expires_at: 3000 }, 2000, "holds"],
] as const)("%j at %d %s", (part, now, standing) => expect(standingOf(memory(part), now)).toBe(standing));

it("tells what a version changed", () => {
  const before = memory();
  expect(changesOf(before, memory({ version: 2, known_from: 5 }))).toEqual([]);
  expect(changesOf(before, memory({ text: "x", pinned: true, valid_to: 7 }))).toEqual(["text", "pinned", "valid_to"]);
});

describe("days", () => {
  it("begin and end where one is", () => {
    const start = dayStart("2026-05-03")!;
    expect(new Date(start * 1000).getHours()).toBe(0);
    expect(dayOf(start)).toBe("2026-05-03");
    expect(dayEnd("2026-05-03")! - start).toBeCloseTo(86_399.999, 2);
  });
  it.each(["", "no day"])("%j is none", (day) => {
    expect(dayStart(day)).toBeUndefined();
    expect(dayEnd(day)).toBeUndefined();
  });
  it("that are not known are empty", () => expect([dayOf(null), dayOf(undefined)]).toEqual(["", ""]));
});

describe("the form", () => {
  it.each([
    [{}, ["text"]],
    [{ text: " " }, ["text"]],
    [{ text: "a", of: "practice" }, ["agent"]],
    [{ text: "a", of: "thread" }, ["thread"]],
    [{ text: "a", attribute: "home" }, ["subject"]],
    [{ text: "a", since: "2026-02-01", until: "2026-01-01" }, ["until"]],
    [{ text: "a" }, []],
  ] as const)("%j misses %j", (part, names) => expect(missing({ ...BLANK, ...part }, true)).toEqual(names));

  it("makes a memory, without what was left empty", () => {
    expect(newOf({ ...BLANK, text: " a " })).toEqual({
      text: "a",
      of: "user",
      kind: "semantic",
      importance: 0.5,
      pinned: false,
    });
    const full = {
      ...BLANK,
      text: "a",
      of: "agent",
      agent: "host",
      thread: "t",
      subject: "s",
      attribute: "b",
    } as const;
    expect(newOf({ ...full, since: "2026-01-02" })).toMatchObject({
      of: "agent",
      agent: "host",
      subject: "s",
      attribute: "b",
      valid_from: dayStart("2026-01-02"),
    });
    expect(newOf(full)).not.toHaveProperty("thread");
  });

  it("changes only what was touched", () => {
    const start = draftOf(memory({ valid_to: 123_456, importance: 0.731 }));
    expect(changeOf(start, start)).toEqual({});
    expect(changeOf(start, { ...start, until: "", pinned: true, text: "b " })).toEqual({
      text: "b",
      until: null,
      pinned: true,
    });
    expect(changeOf(start, { ...start, importance: 80, kind: "episodic" })).toEqual({
      importance: 0.8,
      kind: "episodic",
    });
  });
});

describe("a profile", () => {
  const kept = (text: string, attribute: string, valid_from: number): KeptMemory => ({
    memory: memory({ id: text, text, attribute, valid_from, kind: "profile" }),
    user: "ada",
    agent: "",
    thread: "",
  });

  it("has a history of each field, the newest first", () => {
    const all = [
      kept('diet: "all"', "diet", 1),
      kept('languages: ["de"]', "languages", 3),
      kept("diet: null", "diet", 2),
    ];
    expect(valuesOf(all, "diet").map(({ value }) => value)).toEqual([null, "all"]);
    expect(valuesOf([kept("diet: not json", "diet", 1)], "diet")[0]!.value).toBe("not json");
  });

  it.each([
    ["vegan", "vegan"],
    [["de", "en"], "de, en"],
    [{ a: 1 }, '{"a":1}'],
    [3, "3"],
  ])("shows %j as %s", (value, text) => expect(fieldText(value)).toBe(text));

  it("sends what differs, and null for what was taken out", () => {
    expect(changedFields({ a: 1, b: ["x"], c: null }, { a: 1, b: ["y"] })).toEqual({ b: ["y"] });
    expect(changedFields({ a: 1 }, {})).toEqual({ a: null });
  });
});
