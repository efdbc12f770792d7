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
/** A question in the inbox: also who asks, where, and about which tool. */
export type Interrupt = Schemas["InterruptView"];
export type Limits = Schemas["LimitsBody"];
export type Breakpoint = Schemas["Breakpoint"];
/** A checkpoint of a thread. */
export type Moment = Schemas["Moment"];
export type StateAt = Schemas["StateAt"];
export type Fork = Schemas["ForkView"];
export type RunsDiff = Schemas["RunsDiff"];
export type PauseReason = NonNullable<Schemas["RunPaused"]["reason"]>;
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

/** A tool, or a set of tools, of the workspace. */
export type Registration = Schemas["RegistrationView"];
export type Described = Schemas["DescribedView"];
export type Tried = Schemas["TriedView"];
export type PolicyKept = Schemas["PolicyView"];
export type Policy = Schemas["Policy"];
export type Rule = Schemas["Rule"];
export type Decision = Rule["decision"];
export type PolicyTrial = Schemas["TryPolicy"];
export type Judged = Schemas["JudgedView"];
/** A tool call that a policy judged. */
export type Use = Schemas["UseView"];
export type Proof = Schemas["ProofView"];
export type Fault = Schemas["Fault"];

export type Memory = Schemas["MemoryView"];
export type MemoryKind = Memory["kind"];
export type Trust = Memory["trust"];
/** A memory, and where it lies. */
export type KeptMemory = Schemas["KeptMemory"];
export type FoundMemory = Schemas["FoundMemory"];
export type MemoryStory = Schemas["MemoryStory"];
export type NewMemory = Schemas["AddMemory"];
/** Whose a memory is. */
export type Whose = NonNullable<NewMemory["of"]>;
export type MemoryChange = Schemas["ChangeMemory"];
export type Source = Schemas["Source"];
/** What somebody said of a run, or of one message of it. */
export type Remark = Schemas["Remark"];
export type Chore = Schemas["ChoreView"];
export type Passage = Schemas["Passage"];

/** A passage of a document that an answer may cite as `[n]`. */
export type Cited = Schemas["KnowledgeSource"];
/** Documents of one purpose. */
export type Collection = Schemas["Summary"];
export type Document = Schemas["DocumentView"];
export type FoundPassage = Schemas["FoundPassage"];
/** Text of a document, and where it begins. */
export type Excerpt = Schemas["ExcerptView"];

export const MEMORY_KINDS: readonly MemoryKind[] = ["semantic", "episodic", "profile", "procedural", "proposed"];
export const SHELVES: readonly Whose[] = ["user", "agent", "practice", "thread", "workspace"];
/** What the page of memories can show. */
export const MEMORY_TABS = ["memories", "profile", "proposals", "work"] as const;
export type MemoryTab = (typeof MEMORY_TABS)[number];

export const DECISIONS: readonly Decision[] = ["allow", "ask", "deny"];

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

/** What the page of a run can show. */
export const RUN_TABS = ["timeline", "history", "events", "data"] as const;
export type RunTab = (typeof RUN_TABS)[number];

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
