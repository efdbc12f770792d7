/** (RunView, Envelope) -> RunView. Pure: the same events always give the same view. */
import { isPassing, type Envelope, type RunEvent, type Usage } from "~/api/types";
import type { Partial, RunView, Span } from "./view";

/** Applies one event. A durable event that was seen before changes nothing. */
export function reduce(view: RunView, envelope: Envelope): RunView {
  return reduceAll(view, [envelope]);
}

/** Applies events in order; lists are copied once, however many there are. */
export function reduceAll(view: RunView, envelopes: readonly Envelope[]): RunView {
  const draft: Draft = {
    ...view,
    spans: view.spans.slice(),
    open: new Map(view.open),
    partials: new Map(view.partials),
    messages: view.messages.slice(),
    events: view.events.slice(),
  };
  let changed = false;
  for (const envelope of envelopes) changed = apply(draft, envelope) || changed;
  return changed ? draft : view;
}

/** Drops all passing state: what is still open is told again after a sync. */
export function dropPassing(view: RunView): RunView {
  return view.open.size + view.partials.size === 0 ? view : { ...view, open: new Map(), partials: new Map() };
}

interface Draft extends RunView {
  open: Map<string, Span>;
  partials: Map<string, Partial>;
}

type Of<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

function apply(view: Draft, envelope: Envelope): boolean {
  const { event } = envelope;
  if (!isPassing(event)) {
    if (envelope.seq <= view.seq) return false;
    view.seq = envelope.seq;
    view.events.push(envelope);
  } else if (view.status === "paused") {
    // It goes on: that it was resumed is only on record with its next commit.
    view.status = "running";
    view.pause = null;
    view.questions = [];
    view.endedAt = null;
  }
  switch (event.type) {
    case "run.started":
    case "run.resumed":
    case "run.paused":
    case "run.finished":
    case "run.failed":
    case "run.cancelled":
      applyRun(view, envelope, event);
      break;
    case "node.started":
    case "model.started":
    case "tool.started":
      open(view, started(envelope, event));
      break;
    case "node.finished":
    case "node.failed":
    case "model.finished":
    case "model.failed":
    case "tool.finished":
      close(view, finished(envelope, event));
      if (event.type === "model.finished") view.usage = addUsage(view.usage, event.usage);
      break;
    case "delta":
      applyDelta(view, envelope, event);
      break;
    case "limit.reached":
      view.limit = { limit: event.limit, message: event.message };
      break;
    case "run.steered":
      view.refused = event.refused ? { command: event.command, why: event.refused } : null;
      break;
    case "message.added":
      applyMessage(view, envelope, event);
      break;
    default:
      break; // on record in `events`, nothing to derive
  }
  return true;
}

function applyRun(
  view: Draft,
  { at }: Envelope,
  event: Of<"run.started" | "run.resumed" | "run.paused" | "run.finished" | "run.failed" | "run.cancelled">,
): void {
  if (event.type === "run.started" || event.type === "run.resumed") {
    view.status = "running";
    view.target = event.target;
    view.startedAt ??= at;
    view.endedAt = null;
    view.questions = [];
    view.pause = null;
    view.limit = null;
    view.error = null;
    return;
  }
  view.open.clear();
  view.partials.clear();
  view.endedAt = at;
  if (event.type === "run.paused") {
    view.status = "paused";
    view.pause = event.reason ?? "question";
    view.questions = event.questions ?? [];
  } else {
    view.questions = [];
    view.pause = null;
    if (event.type === "run.finished") {
      view.status = "finished";
      view.output = event.output ?? null;
      view.usage = event.usage ?? view.usage;
    } else if (event.type === "run.failed") {
      view.status = "failed";
      view.error = { code: event.code, message: event.message };
    } else {
      view.status = "cancelled";
      view.cancelReason = event.reason ?? null;
    }
  }
}

function applyDelta(view: Draft, { path, at }: Envelope, event: Of<"delta">): void {
  const before = view.partials.get(event.message_id);
  const next: Partial = before
    ? { ...before }
    : { messageId: event.message_id, path, text: "", reasoning: "", since: at, textSince: null };
  if (event.kind === "reasoning") next.reasoning += event.text;
  else {
    next.text += event.text;
    next.textSince ??= at;
  }
  view.partials.set(event.message_id, next);
}

function applyMessage(view: Draft, { path, at }: Envelope, event: Of<"message.added">): void {
  const { message } = event;
  if (!message) return;
  view.messages.push({ seq: event.seq, at, path, message });
  if (message.id) view.partials.delete(message.id);
  if (message.role === "assistant") {
    // A partial without the final message's id would stay for ever: what came before at this path is done.
    for (const [id, partial] of view.partials) {
      if (partial.since <= at && samePath(partial.path, path)) view.partials.delete(id);
    }
  }
  for (const part of message.parts) {
    if (part.type === "tool_result") attachResult(view, part.call_id, part);
  }
}

/** A stored `tool.finished` leaves its result out: the tool's message has it. */
function attachResult(view: Draft, callId: string, result: NonNullable<Span["result"]>): void {
  const at = view.spans.findLastIndex((span) => span.callId === callId);
  const span = view.spans[at];
  if (span) view.spans[at] = { ...span, result, failed: span.failed || result.failed === true };
}

function open(view: Draft, span: Span): void {
  view.open.set(span.id, span);
}

function close(view: Draft, span: Span): void {
  const before = view.open.get(span.id);
  view.open.delete(span.id);
  const filled: Span = { ...span, start: span.start || before?.start || span.end || 0 };
  if (filled.kind === "tool") {
    filled.arguments ??= before?.arguments ?? argumentsOf(view, filled.callId);
    filled.result ??= resultOf(view, filled.callId);
  }
  view.spans.push(filled);
}

function argumentsOf(view: Draft, callId: string | undefined): Span["arguments"] {
  for (let at = view.messages.length - 1; at >= 0; at--) {
    for (const part of view.messages[at]!.message.parts) {
      if (part.type === "tool_call" && part.id === callId) return part.arguments ?? {};
    }
  }
  return undefined;
}

function resultOf(view: Draft, callId: string | undefined): Span["result"] {
  for (let at = view.messages.length - 1; at >= 0; at--) {
    for (const part of view.messages[at]!.message.parts) {
      if (part.type === "tool_result" && part.call_id === callId) return part;
    }
  }
  return undefined;
}

function started({ path, at }: Envelope, event: Of<"node.started" | "model.started" | "tool.started">): Span {
  const base = { path, start: at, end: null, failed: false };
  if (event.type === "node.started") {
    const attempt = event.attempt ?? 1;
    return { ...base, id: spanId("node", path, `${event.node}#${attempt}`), kind: "node", name: event.node, attempt };
  }
  if (event.type === "model.started") {
    return { ...base, id: spanId("model", path, event.model), kind: "model", name: event.model };
  }
  const id = spanId("tool", path, event.call_id);
  return { ...base, id, kind: "tool", name: event.name, callId: event.call_id, arguments: event.arguments ?? {} };
}

function finished(
  { path, at }: Envelope,
  event: Of<"node.finished" | "node.failed" | "model.finished" | "model.failed" | "tool.finished">,
): Span {
  const base = { path, start: event.started_at ?? 0, end: at, failed: false };
  if (event.type === "node.finished" || event.type === "node.failed") {
    const attempt = event.attempt ?? 1;
    const id = spanId("node", path, `${event.node}#${attempt}`);
    const span: Span = { ...base, id, kind: "node", name: event.node, attempt };
    return event.type === "node.failed"
      ? { ...span, failed: true, error: { code: event.code, message: event.message } }
      : span;
  }
  if (event.type === "model.failed") {
    const error = { code: event.code, message: event.message };
    return { ...base, id: spanId("model", path, event.model), kind: "model", name: event.model, failed: true, error };
  }
  if (event.type === "model.finished") {
    const { usage, finish = "stop", first_piece_at: firstPieceAt = null } = event;
    return {
      ...base,
      id: spanId("model", path, event.model),
      kind: "model",
      name: event.model,
      usage,
      finish,
      firstPieceAt,
    };
  }
  const id = spanId("tool", path, event.call_id);
  const { call_id: callId, failed = false, result = undefined } = event;
  return { ...base, id, kind: "tool", name: event.name, callId, failed, result };
}

function spanId(kind: string, path: string[], name: string): string {
  return `${kind}:${path.join("/")}:${name}`;
}

function samePath(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((step, at) => step === b[at]);
}

/** The sum; an unknown cost stays unknown. */
export function addUsage(a: Usage | null, b: Usage): Usage {
  if (!a) return b;
  const sum: Usage = {};
  const keys = [
    "requests",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "audio_tokens",
  ] as const;
  for (const key of keys) sum[key] = (a[key] ?? 0) + (b[key] ?? 0);
  sum.cost = a.cost === null || b.cost === null ? null : (a.cost ?? 0) + (b.cost ?? 0);
  return sum;
}
