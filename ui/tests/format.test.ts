import { expect, it } from "vitest";
import { cost, duration, oneLine, totalTokens } from "~/ui/format";

it.each([
  [0.0004, "0 ms"],
  [0.84, "840 ms"],
  [0.9999, "1.0 s"],
  [3.21, "3.2 s"],
  [9.97, "10 s"],
  [59.6, "1 min 0 s"],
  [125, "2 min 5 s"],
  [4320, "1 h 12 min"],
  [-1, "—"],
  [NaN, "—"],
])("%s s is %s", (seconds, expected) => {
  expect(duration(seconds)).toBe(expected);
});

it.each([
  [null, "—"],
  [{ cost: null }, "unknown"],
  [{}, "$0"],
  [{ cost: 0.00001 }, "< $0.0001"],
  [{ cost: 0.0042 }, "$0.0042"],
  [{ cost: 0.123 }, "$0.123"],
  [{ cost: 12.345 }, "$12.35"],
])("usage %j costs %s", (usage, expected) => {
  expect(cost(usage)).toBe(expected);
});

it("counts tokens of both ways", () => expect(totalTokens({ input_tokens: 700, output_tokens: 34 })).toBe("734"));
it("makes one line of many", () => expect(oneLine("a\n  b\tc", 10)).toBe("a b c"));
it("cuts what is long", () => expect(oneLine("x".repeat(50), 10)).toBe(`${"x".repeat(9)}…`));
