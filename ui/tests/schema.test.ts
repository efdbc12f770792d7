import { describe, expect, it } from "vitest";
import { defaultsOf, type Draft, draftOf, type Field, fieldOf, sampleOf, valueOf, words } from "~/ui/question/schema";

/** As Pydantic writes it. */
const STAY = {
  $defs: { Room: { enum: ["single", "double"], title: "Room", type: "string" } },
  type: "object",
  properties: {
    nights: { type: "integer", minimum: 1, maximum: 30, title: "Nights" },
    room: { $ref: "#/$defs/Room" },
    wishes: { anyOf: [{ type: "string" }, { type: "null" }], default: null, title: "Wishes" },
    tags: { type: "array", items: { type: "string" }, default: ["quiet"] },
    late: { type: "boolean", default: true },
    guest: { type: "object", properties: { name: { type: "string", minLength: 1 } }, required: ["name"] },
    extra: {},
  },
  required: ["nights", "room", "guest"],
};
const field = fieldOf(STAY);
const inside = (name: string): Field => {
  if (field.kind !== "group") throw new Error("no group");
  return field.fields.get(name)!;
};
const start = draftOf(field, defaultsOf(STAY)) as Record<string, Draft>;
const filled: Record<string, Draft> = { ...start, nights: "2", room: "1", guest: { name: "Ada" } };

describe("the fields of a schema", () => {
  it.each([
    ["nights", "number"],
    ["room", "choice"],
    ["wishes", "text"],
    ["tags", "lines"],
    ["late", "flag"],
    ["guest", "group"],
    ["extra", "json"],
  ])("%s is a %s", (name, kind) => expect(inside(name).kind).toBe(kind));
  it("begin with their defaults", () => {
    expect([start.tags, start.late, start.nights, start.wishes]).toEqual(["quiet", true, "", ""]);
  });
  it("are called what the schema calls them, or like their names", () => {
    expect([inside("nights").title, inside("tags").title, words("due_date")]).toEqual(["Nights", "Tags", "Due date"]);
  });
});

describe("the value that was filled in", () => {
  it("is as the schema wants it", () => {
    expect(valueOf(field, filled)).toEqual({
      value: { nights: 2, room: "double", tags: ["quiet"], late: true, guest: { name: "Ada" }, extra: null },
      problems: new Map(),
    });
  });
  it("tells each field that is wrong, and how", () => {
    const wrong = { ...filled, nights: "1.5", room: "", guest: { name: "" }, extra: "{" };
    expect([...valueOf(field, wrong).problems]).toEqual([
      ["nights", "whole"],
      ["room", "required"],
      ["guest.name", "required"],
      ["extra", "json"],
    ]);
  });
  it.each([
    ["many", "number"],
    ["31", "range"],
    ["0", "range"],
  ])("%s nights is wrong: %s", (nights, problem) => {
    expect(valueOf(field, { ...filled, nights }).problems.get("nights")).toBe(problem);
  });
  it("takes a line for an item", () => {
    expect(valueOf(fieldOf({ type: "array", items: { type: "number" } }), "1\n2.5\n").value).toEqual([1, 2.5]);
  });
  it("leaves out a group that nobody touched, unless it must be there", () => {
    const optional = { type: "object", properties: { g: STAY.properties.guest } };
    const form = fieldOf(optional);
    expect(valueOf(form, draftOf(form, undefined))).toEqual({ value: {}, problems: new Map() });
  });
  it("goes to JSON and back", () => {
    const { value } = valueOf(field, filled);
    expect(valueOf(field, draftOf(field, value)).value).toEqual(value);
  });
});

it("a schema that points to itself ends in JSON", () => {
  const tree = { $defs: { T: { type: "object", properties: { below: { $ref: "#/$defs/T" } } } }, $ref: "#/$defs/T" };
  let at: Field | undefined = fieldOf(tree);
  let depth = 0;
  while (at?.kind === "group") {
    at = at.fields.get("below");
    depth += 1;
  }
  expect([at?.kind, depth]).toEqual(["json", 4]);
});

it("a sample has the shape of its schema", () => {
  expect(sampleOf({ type: "object", properties: { n: { type: "integer" }, l: { type: "array" } } })).toEqual({
    n: 0,
    l: [],
  });
});
