import { describe, expect, it } from "vitest";
import { answerForm, type Approval, payloadOf } from "~/ui/question/answers";

/** As a tool with approval asks. */
const DECISION = {
  anyOf: [
    { type: "boolean" },
    {
      type: "object",
      properties: {
        decision: { enum: ["approve", "edit", "reject", "respond"] },
        arguments: { type: "object" },
        reason: { type: "string" },
        response: { type: "string" },
      },
      required: ["decision"],
    },
  ],
};
const form = (schema: Record<string, unknown> | null, payload: Parameters<typeof answerForm>[0]["payload"] = null) =>
  answerForm({ payload, schema });

describe("a tool that asks first", () => {
  const decision = form(DECISION, { tool: "book", arguments: {} }) as Approval;
  it("is approved", () => expect(decision.approve).toEqual({ decision: "approve" }));
  it("is rejected", () => expect(decision.reject("")).toEqual({ decision: "reject" }));
  it("is rejected with a reason", () => expect(decision.reject("no")).toEqual({ decision: "reject", reason: "no" }));
  it("is approved with other arguments", () =>
    expect(decision.edit?.({ a: 1 })).toEqual({ decision: "edit", arguments: { a: 1 } }));
  it("is answered for", () => expect(decision.respond?.("done")).toEqual({ decision: "respond", response: "done" }));
});

it("asks of what must not happen twice whether it did", () => {
  expect(answerForm({ payload: { tool: "pay" }, schema: { type: "object" }, kind: "outcome" })).toEqual({
    kind: "outcome",
  });
});

it("says yes and no where it is about nothing else", () => {
  expect((form({ type: "boolean" }) as Approval).plain).toBe(true);
  expect((form(DECISION, { tool: "book", arguments: {} }) as Approval).plain).toBe(false);
});

it("offers no edit where the schema has none", () => {
  const approval = form({
    type: "object",
    properties: { approved: { type: "boolean" }, reason: { type: "string" } },
  }) as Approval;
  expect([approval.approve, approval.reject("x"), approval.edit]).toEqual([
    { approved: true },
    { approved: false, reason: "x" },
    undefined,
  ]);
});

it.each([
  ["boolean", { type: "boolean" }, "approval"],
  ["choice", { enum: ["a", "b"] }, "choice"],
  ["words", { type: "string" }, "text"],
  ["number", { type: "integer" }, "text"],
  ["object", { type: "object", properties: { n: { type: "integer" } } }, "form"],
  ["nothing", null, "text"],
] as const)("a question that wants %s", (_, schema, kind) => {
  expect(form(schema as Record<string, unknown> | null).kind).toBe(kind);
});

describe("a written answer", () => {
  const number = form({ type: "number" });
  it("is a number where one is asked for", () => expect(number.kind === "text" && number.parse("4.5")).toBe(4.5));
  it("is refused where it is none", () => expect(() => number.kind === "text" && number.parse("many")).toThrow());
});

it.each([
  ["May I?", { tool: null, text: "May I?", rest: undefined }],
  [
    { tool: "book", arguments: { hotel: "Roma" } },
    { tool: "book", text: null, rest: { hotel: "Roma" } },
  ],
  [
    { question: "Which?", choices: [1] },
    { tool: null, text: "Which?", rest: { choices: [1] } },
  ],
  [null, { tool: null, text: null, rest: undefined }],
])("reads %j", (payload, expected) => {
  expect(payloadOf(payload)).toEqual(expected);
});
