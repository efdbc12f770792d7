/** A form from a JSON Schema: what to ask for, where to begin, and the value that was filled in. Pure. */
import type { Json, JsonObject, JsonSchema } from "~/api/types";

interface Common {
  /** An empty value may be left out, or is `null`. */
  optional: boolean;
  nullable: boolean;
  title: string;
  help: string | null;
}

export type Field = Common &
  (
    | { kind: "text"; long: boolean; input: "text" | "date" | "datetime-local" | "email" | "url"; min: number }
    | { kind: "number"; whole: boolean; min: number | null; max: number | null }
    | { kind: "flag" }
    | { kind: "choice"; choices: Json[] }
    /** One value a line. */
    | { kind: "lines"; numbers: boolean }
    | { kind: "group"; fields: ReadonlyMap<string, Field> }
    /** Whatever has no form of its own is written as JSON. */
    | { kind: "json"; sample: Json }
  );

/** What stands in a field: text, a tick, the number of a choice, or a group of these. */
export type Draft = string | boolean | { [name: string]: Draft };

export type Problem = "required" | "number" | "whole" | "range" | "json";

/** What is wrong, by the path of the field: "stay.nights". */
export type Problems = ReadonlyMap<string, Problem>;

const DEPTH = 4;

export function fieldOf(schema: unknown, root: unknown = schema, name = "", required = true, depth = 0): Field {
  const { inner, nullable } = resolved(schema, root);
  const common: Common = {
    optional: !required,
    nullable,
    title: typeof inner.title === "string" && inner.title ? inner.title : words(name),
    help: typeof inner.description === "string" ? inner.description : null,
  };
  const rest = (): Field => ({ ...common, kind: "json", sample: sampleOf(inner, root) });
  const choices = Array.isArray(inner.enum) ? (inner.enum as Json[]) : "const" in inner ? [inner.const] : null;
  if (choices) return { ...common, kind: "choice", choices };
  switch (inner.type) {
    case "string":
      return { ...common, kind: "text", ...textual(inner) };
    case "number":
    case "integer":
      return {
        ...common,
        kind: "number",
        whole: inner.type === "integer",
        min: numberOr(inner.minimum, null),
        max: numberOr(inner.maximum, null),
      };
    case "boolean":
      return { ...common, kind: "flag" };
    case "array": {
      const item = resolved(inner.items, root).inner;
      const plain = item.type === "string" || item.type === "number" || item.type === "integer";
      return plain && !("enum" in item) ? { ...common, kind: "lines", numbers: item.type !== "string" } : rest();
    }
    case "object": {
      if (!isObject(inner.properties) || depth >= DEPTH) return rest();
      const must = new Set(Array.isArray(inner.required) ? inner.required : []);
      const fields = Object.entries(inner.properties).map(
        ([key, value]) => [key, fieldOf(value, root, key, must.has(key), depth + 1)] as const,
      );
      return { ...common, kind: "group", fields: new Map(fields) };
    }
    default:
      return rest();
  }
}

/** The schema behind references and "or null". */
function resolved(schema: unknown, root: unknown, hops = 0): { inner: JsonSchema; nullable: boolean } {
  if (!isObject(schema)) return { inner: {}, nullable: false };
  if (typeof schema.$ref === "string" && hops < 8) {
    const { $ref: _, ...beside } = schema;
    const { inner, nullable } = resolved(lookUp(schema.$ref, root), root, hops + 1);
    return { inner: { ...inner, ...beside }, nullable };
  }
  const [only, ...more] = Array.isArray(schema.allOf) ? schema.allOf : [];
  if (only !== undefined && more.length === 0) return resolved(only, root, hops + 1);
  for (const several of [schema.anyOf, schema.oneOf]) {
    if (!Array.isArray(several)) continue;
    const full = several.filter((one) => !isObject(one) || one.type !== "null");
    if (full.length !== 1 || full.length === several.length) continue;
    const { title, description, default: start } = schema;
    const { inner } = resolved(full[0], root, hops + 1);
    const beside = Object.entries({ title, description, default: start }).filter(([, value]) => value !== undefined);
    return { inner: { ...inner, ...Object.fromEntries(beside) }, nullable: true };
  }
  if (Array.isArray(schema.type) && schema.type.length === 2 && schema.type.includes("null")) {
    return { inner: { ...schema, type: schema.type.find((type) => type !== "null") }, nullable: true };
  }
  return { inner: schema, nullable: false };
}

function lookUp(reference: string, root: unknown): unknown {
  if (!reference.startsWith("#/")) return {};
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((at, step) => (isObject(at) ? at[step.replaceAll("~1", "/").replaceAll("~0", "~")] : {}), root);
}

function textual(schema: JsonSchema) {
  const input = (
    { date: "date", "date-time": "datetime-local", email: "email", uri: "url" } as Record<
      string,
      "date" | "datetime-local" | "email" | "url"
    >
  )[String(schema.format)];
  return {
    input: input ?? ("text" as const),
    long: !input && numberOr(schema.maxLength, 0) > 200,
    min: numberOr(schema.minLength, 0) ?? 0,
  };
}

function numberOr<T>(value: unknown, other: T): number | T {
  return typeof value === "number" ? value : other;
}

/** `due_date` as "Due date". */
export function words(name: string): string {
  const plain = name.replaceAll(/[_-]+/g, " ").trim();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** What a field begins with: the value that is there, or the schema's default. */
export function draftOf(field: Field, value: Json): Draft {
  switch (field.kind) {
    case "flag":
      return value === true;
    case "choice": {
      const at = field.choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value));
      return at < 0 ? "" : String(at);
    }
    case "lines":
      return Array.isArray(value) ? value.join("\n") : "";
    case "group": {
      const given = isObject(value) ? value : {};
      return Object.fromEntries([...field.fields].map(([name, one]) => [name, draftOf(one, given[name])]));
    }
    case "json":
      return JSON.stringify(value === undefined ? field.sample : value, null, 2) ?? "";
    default:
      return value === undefined || value === null ? "" : String(value);
  }
}

/** The value that was filled in, or what is wrong with it. `undefined` is a field that was left out. */
export function valueOf(field: Field, draft: Draft): { value: Json; problems: Problems } {
  const problems = new Map<string, Problem>();
  const value = read(field, draft, "", problems);
  return { value, problems };
}

function read(field: Field, draft: Draft, path: string, problems: Map<string, Problem>): Json {
  if (field.kind === "group") {
    const drafts = isObject(draft) ? draft : {};
    const below = new Map<string, Problem>();
    const entries = [...field.fields].map(([name, one]) => [
      name,
      read(one, (drafts[name] as Draft | undefined) ?? "", path ? `${path}.${name}` : name, below),
    ]);
    const given = entries.filter(([, value]) => value !== undefined);
    const untouched = [...field.fields.values()].every(
      (one, at) => one.kind === "flag" || entries[at]![1] === undefined,
    );
    if (field.optional && untouched) return field.nullable ? null : undefined;
    for (const [where, problem] of below) problems.set(where, problem);
    return Object.fromEntries(given);
  }
  if (field.kind === "flag") return draft === true;
  const text = typeof draft === "string" ? draft : "";
  if (text.trim() === "") {
    if (field.kind === "text" && !field.optional && !field.nullable && field.min === 0 && path !== "") return text;
    if (field.kind === "lines" && !field.nullable && !field.optional) return [];
    if (field.nullable) return field.optional ? undefined : null;
    if (!field.optional) problems.set(path, "required");
    return undefined;
  }
  const said = leaf(field, text);
  if (typeof said === "object" && said !== null && "problem" in said) {
    problems.set(path, said.problem as Problem);
    return undefined;
  }
  return (said as { value: Json }).value;
}

type Leaf = { value: Json } | { problem: Problem };

function leaf(field: Exclude<Field, { kind: "group" | "flag" }>, text: string): Leaf {
  switch (field.kind) {
    case "text":
      return { value: field.input === "datetime-local" ? new Date(text).toISOString() : text };
    case "choice":
      return { value: field.choices[Number(text)] };
    case "number": {
      const number = numeric(text);
      if (number === null) return { problem: "number" };
      if (field.whole && !Number.isInteger(number)) return { problem: "whole" };
      if ((field.min !== null && number < field.min) || (field.max !== null && number > field.max))
        return { problem: "range" };
      return { value: number };
    }
    case "lines": {
      const lines = text.split("\n").filter((line) => line.trim() !== "");
      if (!field.numbers) return { value: lines };
      const numbers = lines.map(numeric);
      return numbers.includes(null) ? { problem: "number" } : { value: numbers };
    }
    case "json":
      try {
        return { value: JSON.parse(text) as Json };
      } catch {
        return { problem: "json" };
      }
  }
}

function numeric(text: string): number | null {
  const number = Number(text);
  return text.trim() === "" || !Number.isFinite(number) ? null : number;
}

/** A value to begin from: every required property, with its default or an empty value. */
export function sampleOf(schema: unknown, root: unknown = schema, depth = 0): Json {
  const { inner } = resolved(schema, root);
  if ("default" in inner) return inner.default;
  if (Array.isArray(inner.enum)) return (inner.enum[0] ?? null) as Json;
  switch (inner.type) {
    case "object": {
      const properties = isObject(inner.properties) ? inner.properties : {};
      if (depth >= DEPTH) return {}; // it may point to itself
      return Object.fromEntries(
        Object.entries(properties).map(([name, value]) => [name, sampleOf(value, root, depth + 1)]),
      );
    }
    case "array":
      return [];
    case "string":
      return "";
    case "number":
    case "integer":
      return 0;
    case "boolean":
      return false;
    default:
      return null;
  }
}

/** The defaults of a schema, and nothing else: what a form begins with. */
export function defaultsOf(schema: unknown, root: unknown = schema, depth = 0): Json {
  const { inner } = resolved(schema, root);
  if ("default" in inner) return inner.default;
  if (!isObject(inner.properties) || depth >= DEPTH) return undefined;
  return Object.fromEntries(
    Object.entries(inner.properties).map(([name, value]) => [name, defaultsOf(value, root, depth + 1)]),
  );
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
