/** The words of the REST contract, under the names that the UI uses. They are generated from the server's OpenAPI document. */
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

/** Any JSON value; what is in it is the business of agents and applications. */
export type Json = unknown;
export type JsonObject = Record<string, unknown>;
export type JsonSchema = Record<string, unknown>;

export type Run = Schemas["RunView"];
export type Status = Run["status"];
export type Thread = Schemas["ThreadView"];
export type StoredMessage = Schemas["MessageView"];
export type ContextView = Schemas["ContextView"];
export type ContextItem = Schemas["ContextItem"];
export type Agent = Schemas["AgentView"];
export type Tool = Schemas["ToolView"];
export type Health = Schemas["HealthView"];
export type Question = Schemas["QuestionView"];
/** Fields that are zero may be left out. `cost` is in US dollars; `null` means that a price was unknown. */
export type Usage = Schemas["Usage"];
export type Message = Schemas["Message"];
export type Part = Message["parts"][number];
export type MediaPart = Schemas["Media"];
export type ToolCallPart = Schemas["ToolCall"];
export type ToolResultPart = Schemas["ToolResult"];
/** An event, and when and where it happened. `at` is in seconds since the epoch. */
export type Envelope = Schemas["Envelope"];
export type RunEvent = Envelope["event"];
/** RFC 9457. */
export type Problem = Schemas["Problem"];

export interface Page<T, C = string> {
  items: T[];
  next: C | null;
}

export const STATUSES: readonly Status[] = [
  "queued",
  "running",
  "sleeping",
  "paused",
  "finished",
  "failed",
  "cancelled",
  "dead",
];

/** Over for good: nothing can happen in the run any more. */
export function isEnded(status: Status): boolean {
  return status === "finished" || status === "failed" || status === "cancelled" || status === "dead";
}

/** At work, or about to be. */
export function isLive(status: Status): boolean {
  return status === "queued" || status === "running" || status === "sleeping";
}

const PASSING: ReadonlySet<string> = new Set(["delta", "node.started", "model.started", "tool.started"]);
const RESTING: ReadonlySet<string> = new Set(["run.finished", "run.failed", "run.cancelled", "run.paused"]);

/** Shown and forgotten: what a passing event says is repeated by the durable event that ends it. */
export function isPassing(event: RunEvent): boolean {
  return PASSING.has(event.type);
}

/** After a resting event nothing happens in the run until somebody acts. */
export function isResting(event: RunEvent): boolean {
  return RESTING.has(event.type);
}
