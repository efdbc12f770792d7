/** What a memory is, as people say it: where it lies, how it stands, what a new version changed. Pure. */
import type { Memory, MemoryChange, MemoryKind, NewMemory, Whose } from "~/api/types";

/** Where a memory lies. */
export interface Place {
  user: string | null;
  agent: string;
  thread: string;
}

/** Kinds that a person writes by hand; a profile has a form, and what is proposed comes from models. */
export const WRITTEN: readonly MemoryKind[] = ["semantic", "episodic", "procedural"];

export function shelfOf({ user, agent, thread }: Place): Whose {
  if (thread) return "thread";
  if (agent) return user === null ? "practice" : "agent";
  return user === null ? "workspace" : "user";
}

export type Standing = "holds" | "later" | "ended" | "forgotten";

/** How it stands at a moment, in seconds since the epoch. */
export function standingOf(memory: Pick<Memory, "valid_from" | "valid_to" | "expires_at">, now: number): Standing {
  if (memory.expires_at !== null && memory.expires_at <= now) return "forgotten";
  if (memory.valid_to !== null && memory.valid_to <= now) return "ended";
  return memory.valid_from > now ? "later" : "holds";
}

/** What can differ from one version to the next. */
export const CHANGING = ["text", "kind", "pinned", "importance", "valid_to", "expires_at"] as const;
export type Changing = (typeof CHANGING)[number];

export function changesOf(before: Memory, after: Memory): Changing[] {
  return CHANGING.filter((name) => before[name] !== after[name]);
}

/** Of a `<input type="date">`: the first second of that day here, or nothing. */
export function dayStart(day: string): number | undefined {
  const at = day ? new Date(`${day}T00:00:00`).getTime() / 1000 : Number.NaN;
  return Number.isFinite(at) ? at : undefined;
}

/** The last moment of that day here: what was told in the course of it counts. */
export function dayEnd(day: string): number | undefined {
  const at = day ? new Date(`${day}T23:59:59.999`).getTime() / 1000 : Number.NaN;
  return Number.isFinite(at) ? at : undefined;
}

/** The other way round. */
export function dayOf(at: number | null | undefined): string {
  if (at === null || at === undefined) return "";
  const day = new Date(at * 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${String(day.getFullYear()).padStart(4, "0")}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** What is written into the form of a memory. */
export interface Draft {
  text: string;
  of: Whose;
  kind: MemoryKind;
  subject: string;
  attribute: string;
  agent: string;
  thread: string;
  since: string;
  until: string;
  expires: string;
  /** 0 to 100. */
  importance: number;
  pinned: boolean;
}

export const BLANK: Draft = {
  text: "",
  of: "user",
  kind: "semantic",
  subject: "",
  attribute: "",
  agent: "",
  thread: "",
  since: "",
  until: "",
  expires: "",
  importance: 50,
  pinned: false,
};

export function draftOf(memory: Memory): Draft {
  const { text, kind, subject, attribute, pinned } = memory;
  return {
    ...BLANK,
    ...{ text, kind, subject, attribute, pinned },
    since: dayOf(memory.valid_from),
    until: dayOf(memory.valid_to),
    expires: dayOf(memory.expires_at),
    importance: Math.round(memory.importance * 100),
  };
}

export type Missing = "text" | "subject" | "agent" | "thread" | "until";

/** What still has to be said, in the order of the form. */
export function missing(draft: Draft, isNew: boolean): Missing[] {
  const out: Missing[] = [];
  if (!draft.text.trim()) out.push("text");
  if (draft.since && draft.until && draft.until < draft.since) out.push("until");
  if (!isNew) return out;
  if ((draft.of === "agent" || draft.of === "practice") && !draft.agent.trim()) out.push("agent");
  if (draft.of === "thread" && !draft.thread.trim()) out.push("thread");
  if (draft.attribute.trim() && !draft.subject.trim()) out.push("subject");
  return out;
}

export function newOf(draft: Draft): NewMemory {
  const { of, kind, pinned } = draft;
  const subject = draft.subject.trim();
  const attribute = draft.attribute.trim();
  const since = dayStart(draft.since);
  const until = dayStart(draft.until);
  const expires = dayStart(draft.expires);
  return {
    text: draft.text.trim(),
    of,
    kind,
    ...(subject ? { subject } : {}),
    ...(attribute ? { attribute } : {}),
    ...(of === "agent" || of === "practice" ? { agent: draft.agent.trim() } : {}),
    ...(of === "thread" ? { thread: draft.thread.trim() } : {}),
    ...(since !== undefined ? { valid_from: since } : {}),
    ...(until !== undefined ? { until } : {}),
    ...(expires !== undefined ? { expires_at: expires } : {}),
    importance: draft.importance / 100,
    pinned,
  };
}

/** Only what was touched: the time of day of what was not stays as it is. */
export function changeOf(before: Draft, draft: Draft): MemoryChange {
  const change: MemoryChange = {};
  if (draft.text.trim() !== before.text) change.text = draft.text.trim();
  if (draft.kind !== before.kind) change.kind = draft.kind;
  if (draft.until !== before.until) change.until = dayStart(draft.until) ?? null;
  if (draft.expires !== before.expires) change.expires_at = dayStart(draft.expires) ?? null;
  if (draft.importance !== before.importance) change.importance = draft.importance / 100;
  if (draft.pinned !== before.pinned) change.pinned = draft.pinned;
  return change;
}
