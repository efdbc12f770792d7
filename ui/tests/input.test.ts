import { expect, it } from "vitest";
import type { Agent } from "~/api/types";
import { inputOf } from "~/features/chat/input";

const target = (model: string): Agent => ({
  name: "a",
  description: "",
  model,
  demo: false,
  instructions: "",
  tools: [],
  output_schema: null,
});

it.each([
  ["demo", '{"n": 1}', '{"n": 1}'],
  ["", '{"n": 1}', { n: 1 }],
  ["", "not JSON", "not JSON"],
])("a target with the model %j gets of %s: %j", (model, text, expected) => {
  expect(inputOf(target(model), text)).toEqual(expected);
});
