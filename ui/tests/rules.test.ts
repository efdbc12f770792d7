/** What a policy's page says of rules, and what it makes of what somebody writes. */
import { describe, expect, it } from "vitest";
import { type Asked, conditionsOf, read, titleOf, toolsOf, trialOf, written } from "~/features/policy/rules";

describe("a rule in words", () => {
  it.each([
    [{ decision: "deny" }, "any tool", [], "deny *"],
    [{ decision: "ask", tools: ["*"], name: "all" }, "any tool", [], "all"],
    [{ decision: "deny", tools: "shell*", roles: "!admin" }, "shell*", ["roles: !admin"], "deny shell*"],
    [
      { decision: "ask", tools: ["pay", "send"], arguments: { amount: "> 100" }, sources: ["*"], usd_below: 0.1 },
      "pay, send",
      ["amount > 100", "sources: *", "less than $0.1 left"],
      "ask pay, send",
    ],
    [{ decision: "allow", tools: "a", tokens_below: 12000 }, "a", ["less than 12,000 tokens left"], "allow a"],
  ] as const)("%j", (rule, tools, conditions, title) => {
    const one = rule as unknown as Parameters<typeof toolsOf>[0];
    expect(toolsOf(one)).toBe(tools);
    expect(conditionsOf(one)).toEqual(conditions);
    expect(titleOf(one)).toBe(title);
  });
});

it("reads what it wrote, and says what is no policy", () => {
  expect(read(written(null))).toEqual({ policy: { rules: [] } });
  expect(read('{"otherwise": "deny"}')).toEqual({ policy: { otherwise: "deny" } });
  for (const text of ["[]", "null", "1"]) expect(read(text)).toEqual({ problem: "A policy is an object with rules." });
  expect(read("{rules}")).toEqual({ problem: "This is not JSON." });
});

const asked: Asked = { tool: "pay", effect: "once", arguments: "", user: "ada", agent: "", sources: " inbox, ,web " };

it("makes a call of what was asked", () => {
  const plain = { tool: "pay", effect: "once", user: "ada", agent: "", sources: ["inbox", "web"] };
  expect(trialOf(asked, null)).toEqual({ ...plain, arguments: {} });
  const full = { ...asked, arguments: '{"amount": 5}' };
  expect(trialOf(full, { rules: [] })).toEqual({ ...plain, arguments: { amount: 5 }, policy: { rules: [] } });
  expect(trialOf({ ...asked, arguments: "[5]" }, null)).toEqual({ problem: "This is not JSON." });
});
