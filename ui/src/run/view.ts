/** What a page knows of one run, built from its events alone. */
import type { Envelope, Json, Message, PauseReason, Question, ToolResultPart, Usage } from "~/api/types";

export type SpanKind = "node" | "model" | "tool";

/** A stretch of work on the timeline. Times are seconds since the epoch; `end` is null while it runs. */
export interface Span {
  /** The same while it is open and once it is closed. */
  id: string;
  kind: SpanKind;
  name: string;
  path: string[];
  start: number;
  end: number | null;
  failed: boolean;
  /** Model: when the first piece arrived. */
  firstPieceAt?: number | null;
  usage?: Usage;
  /** Model: why it stopped. */
  finish?: string;
  /** Tool. */
  callId?: string;
  arguments?: Json;
  result?: ToolResultPart | null;
  /** Node. */
  attempt?: number;
  error?: { code: string; message: string };
}

/** A message that is still being written. */
export interface Partial {
  messageId: string;
  path: string[];
  text: string;
  reasoning: string;
  /** When its first piece came, in seconds since the epoch. */
  since: number;
  /** When the text began: how long the thinking took. */
  textSince: number | null;
}

export interface AddedMessage {
  seq: number;
  at: number;
  path: string[];
  message: Message;
}

export interface RunView {
  runId: string;
  /** The last durable event. */
  seq: number;
  status: "unknown" | "running" | "paused" | "finished" | "failed" | "cancelled";
  target: string;
  startedAt: number | null;
  endedAt: number | null;
  output: Json | undefined;
  error: { code: string; message: string } | null;
  cancelReason: string | null;
  questions: Question[];
  /** Why it rests, where it is paused. */
  pause: PauseReason | null;
  /** The limit or budget that stopped it, where one did. */
  limit: { limit: string; message: string } | null;
  /** The last command, where it was refused. */
  refused: { command: string; why: string } | null;
  /** From the run's last event, or until then the sum over its model calls. */
  usage: Usage | null;
  /** Closed work, in the order in which it ended. */
  spans: Span[];
  /** Open work, by id. Passing: dropped at a sync. */
  open: ReadonlyMap<string, Span>;
  /** Messages in the making, by id. Passing: dropped at a sync. */
  partials: ReadonlyMap<string, Partial>;
  messages: AddedMessage[];
  /** Durable events, oldest first. */
  events: Envelope[];
}

export function emptyView(runId: string): RunView {
  return {
    runId,
    seq: 0,
    status: "unknown",
    target: "",
    startedAt: null,
    endedAt: null,
    output: undefined,
    error: null,
    cancelReason: null,
    questions: [],
    pause: null,
    limit: null,
    refused: null,
    usage: null,
    spans: [],
    open: new Map(),
    partials: new Map(),
    messages: [],
    events: [],
  };
}
