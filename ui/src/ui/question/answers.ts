/** How a question can be answered, read from its payload and its JSON Schema. Pure. */
import type { Json, JsonObject, JsonSchema, Question } from "~/api/types";
import { defaultsOf, type Field, fieldOf, isObject } from "./schema";

export interface Approval {
  kind: "approval";
  approve: Json;
  reject: (reason: string) => Json;
  takesReason: boolean;
  /** A plain yes or no. */
  plain: boolean;
  /** JSON Schema of the arguments. */
  parameters: Json;
  /** Approve with other arguments; absent where the schema does not offer it. */
  edit?: (args: Json) => Json;
  /** Answer in the place of the tool. */
  respond?: (words: string) => Json;
}

export type AnswerForm =
  | Approval
  /** Something that must not happen twice: did it happen? */
  | { kind: "outcome" }
  | { kind: "choice"; choices: Json[] }
  | { kind: "text"; parse: (text: string) => Json }
  | { kind: "form"; field: Field; start: Json };

export function answerForm({ schema, payload, kind }: Pick<Question, "schema" | "payload" | "kind">): AnswerForm {
  if (kind === "outcome") return { kind: "outcome" };
  if (!isObject(schema)) return isObject(payload) && "tool" in payload ? approval({}) : text(undefined);
  for (const one of alternatives(schema)) {
    const properties = isObject(one.properties) ? one.properties : {};
    if ("decision" in properties || "approve" in properties || "approved" in properties)
      return approval(properties, "$defs" in schema ? { $defs: schema.$defs } : {});
  }
  if (schema.type === "boolean")
    return { kind: "approval", approve: true, reject: () => false, takesReason: false, plain: true, parameters: {} };
  if (Array.isArray(schema.enum)) return { kind: "choice", choices: schema.enum as Json[] };
  if (schema.type === "string" || schema.type === "number" || schema.type === "integer") return text(schema.type);
  return { kind: "form", field: fieldOf(schema), start: defaultsOf(schema) };
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  const inner = [schema.anyOf, schema.oneOf].find(Array.isArray) as JsonSchema[] | undefined;
  return inner ?? [schema];
}

/** Approve or reject, in the words of the schema's properties. */
function approval(properties: JsonObject, shared: JsonObject = {}): Approval {
  const flag = ["approved", "approve"].find((name) => name in properties);
  const decision = properties.decision;
  const offers = isObject(decision) && Array.isArray(decision.enum) ? decision.enum : [];
  const reason = ["reason", "message", "feedback"].find((name) => name in properties) ?? (flag ? undefined : "reason");
  const yes: Json = flag ? { [flag]: true } : { decision: "approve" };
  const no: JsonObject = flag ? { [flag]: false } : { decision: "reject" };
  return {
    kind: "approval",
    approve: yes,
    reject: (why) => (why && reason ? { ...no, [reason]: why } : no),
    takesReason: reason !== undefined,
    plain: false,
    parameters: { ...shared, ...(isObject(properties.arguments) ? properties.arguments : {}) },
    ...(offers.includes("edit") && "arguments" in properties
      ? { edit: (args: Json) => ({ decision: "edit", arguments: args }) }
      : {}),
    ...(offers.includes("respond") && "response" in properties
      ? { respond: (words: string) => ({ decision: "respond", response: words }) }
      : {}),
  };
}

function text(type: string | undefined): AnswerForm {
  return {
    kind: "text",
    parse: (answer) => {
      if (type === "number" || type === "integer") {
        const number = Number(answer);
        if (answer.trim() === "" || !Number.isFinite(number)) throw new Error("not a number");
        return number;
      }
      if (answer.trim() === "") throw new Error("empty");
      return answer;
    },
  };
}

export interface Payload {
  /** The tool that wants to run, where it is about one. */
  tool: string | null;
  /** What to read to the person. */
  text: string | null;
  /** What else there is to see; `undefined` where nothing is. */
  rest: Json | undefined;
}

/** The payload as a person reads it: a sentence, the tool, and its arguments. */
export function payloadOf(payload: Json): Payload {
  if (typeof payload === "string") return { tool: null, text: payload, rest: undefined };
  if (!isObject(payload)) return { tool: null, text: null, rest: payload ?? undefined };
  const call = isObject(payload.tool_call) ? payload.tool_call : payload;
  const named = payload !== call || "arguments" in payload;
  const name = typeof call.tool === "string" ? call.tool : named && typeof call.name === "string" ? call.name : null;
  const textKey = ["question", "ask", "message", "text", "prompt", "reason"].find(
    (key) => typeof payload[key] === "string",
  );
  const words = textKey ? (payload[textKey] as string) : null;
  if ("arguments" in call) return { tool: name, text: words, rest: call.arguments };
  const hidden = new Set(["tool", "kind", "type", textKey]);
  const rest = Object.fromEntries(Object.entries(payload).filter(([key]) => !hidden.has(key)));
  return { tool: name, text: words, rest: Object.keys(rest).length > 0 ? rest : undefined };
}
