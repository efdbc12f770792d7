/** The words of the REST contract, in one place: everything else imports its types from here. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type JsonSchema = Record<string, unknown>;

export type Status =
  | "queued"
  | "running"
  | "sleeping"
  | "paused"
  | "finished"
  | "failed"
  | "cancelled"
  | "dead";

export const STATUSES: readonly Status[] = [
  "queued", "running", "sleeping", "paused", "finished", "failed", "cancelled", "dead",
];

/** Over for good: nothing can happen in the run any more. */
export function isEnded(status: Status): boolean {
  return status === "finished" || status === "failed" || status === "cancelled" || status === "dead";
}

/** At work, or about to be. */
export function isLive(status: Status): boolean {
  return status === "queued" || status === "running" || status === "sleeping";
}

/** Fields that are zero may be left out. `cost` is in US dollars; `null` means that a price was unknown. */
export interface Usage {
  requests?: number;
  input_tokens?: number;
  output_tokens?: number;
  cached_tokens?: number;
  cache_write_tokens?: number;
  reasoning_tokens?: number;
  audio_tokens?: number;
  cost?: number | null;
}

export interface TextPart {
  type: "text";
  text: string;
}
export interface ReasoningPart {
  type: "reasoning";
  text: string;
  signature?: string | null;
  redacted?: string | null;
}
export interface MediaPart {
  type: "media";
  mime: string;
  url?: string | null;
  data?: string | null;
  blob?: string | null;
  name?: string | null;
}
export interface ToolCallPart {
  type: "tool_call";
  id: string;
  name: string;
  arguments?: JsonObject;
  invalid?: string | null;
}
export interface ToolResultPart {
  type: "tool_result";
  call_id: string;
  name: string;
  content: string;
  failed?: boolean;
  media?: MediaPart[];
}
export type Part = TextPart | ReasoningPart | MediaPart | ToolCallPart | ToolResultPart;
export type Role = "system" | "user" | "assistant" | "tool";

export interface Message {
  role: Role;
  parts: Part[];
  author?: string | null;
  id?: string;
}

/** A message of a thread under its number. */
export interface StoredMessage {
  seq: number;
  run_id?: string | null;
  at: number;
  message: Message;
}

export interface Question {
  id: string;
  payload: Json;
  schema?: JsonSchema | null;
}

export interface Run {
  id: string;
  thread_id: string;
  target: string;
  user_id: string;
  status: Status;
  input?: Json;
  output?: Json;
  error: string | null;
  usage: Usage | null;
  seq: number;
  questions: Question[];
  created_at: number;
  updated_at: number;
}

export interface Tool {
  name: string;
  description: string;
  effect: string;
  approval: boolean;
  parameters: JsonSchema;
}

export interface Agent {
  name: string;
  description: string;
  model: string;
  demo: boolean;
  instructions: string;
  tools: Tool[];
  output_schema: JsonSchema | null;
}

export interface Thread {
  id: string;
  title: string;
  target: string;
  head_seq: number;
  created_at: number;
  updated_at: number;
}

export interface ContextItem {
  source: string;
  seq: number | null;
  role: string;
  tokens: number;
  text: string;
}

/** What of a thread the model sees now. */
export interface ContextView {
  conversation: string;
  start_seq: number;
  summary: string | null;
  tokens: number;
  items: ContextItem[];
}

export interface Health {
  status: string;
  version: string;
  store: { url: string; ok: boolean };
  workspace: string;
  models: { default: string; reason: string; demo: boolean };
}

export interface Page<T, C = string> {
  items: T[];
  next: C | null;
}

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
}

export type RunEvent =
  | { type: "run.started"; target: string }
  | { type: "run.resumed"; target: string; reason?: "answered" | "recovered" }
  | { type: "run.paused"; questions?: Question[] }
  | { type: "run.finished"; output?: Json; usage?: Usage | null }
  | { type: "run.failed"; code: string; message: string }
  | { type: "run.cancelled"; reason?: string | null }
  | { type: "node.started"; node: string; attempt?: number }
  | { type: "node.finished"; node: string; started_at?: number; attempt?: number }
  | { type: "node.failed"; node: string; code: string; message: string; started_at?: number; attempt?: number; retrying?: boolean }
  | { type: "model.started"; model: string }
  | { type: "model.finished"; model: string; usage: Usage; started_at?: number; first_piece_at?: number | null; finish?: string }
  | { type: "tool.started"; call_id: string; name: string; arguments?: JsonObject }
  | { type: "tool.finished"; call_id: string; name: string; started_at?: number; failed?: boolean; result?: ToolResultPart | null }
  | { type: "delta"; message_id: string; text: string; kind?: "text" | "reasoning" }
  | { type: "message.added"; seq: number; message?: Message | null }
  | { type: "context.compacted"; start: number; summarised?: boolean }
  | { type: "step.committed"; step: number; changed?: string[] }
  | { type: "limit.reached"; limit: string; message: string }
  | { type: "custom"; name: string; data?: Json };

export type EventType = RunEvent["type"];

/** An event, and when and where it happened. `at` is in seconds since the epoch. */
export interface Envelope {
  run_id: string;
  seq: number;
  at: number;
  path: string[];
  event: RunEvent;
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
