/** The state at a checkpoint: its values as a tree, what changed since the one before, what the model saw then. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { stateQuery } from "~/api/queries";
import type { StateAt } from "~/api/types";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { count, oneLine } from "~/ui/format";
import { JsonTree } from "~/ui/JsonTree";
import { Failure, Loading } from "~/ui/States";
import { type Change, changes } from "./diff";

type Tab = "state" | "changes" | "messages";

interface Props {
  threadId: string;
  step: number;
  /** The step that it is compared with. */
  base: number | null;
}

export function StateView({ threadId, step, base }: Props) {
  const [tab, setTab] = useState<Tab>("state");
  const state = useQuery(stateQuery(threadId, step));
  const older = useQuery({ ...stateQuery(threadId, base ?? 0), enabled: base !== null });
  const found = useMemo(
    () => (state.data && (base === null || older.data) ? diffOf(state.data, older.data ?? null) : null),
    [state.data, older.data, base],
  );
  if (state.error) return <Failure error={state.error} onRetry={() => void state.refetch()} />;
  if (!state.data) return <Loading />;
  const { values, messages, summary } = state.data;
  const tabs: [Tab, string, number | null][] = [
    ["state", t.travel.state, null],
    ["changes", t.travel.changes, found ? found.values.length + found.said.length : null],
    ["messages", t.travel.messages, messages.length],
  ];
  return (
    <>
      <div
        role="group"
        aria-label={t.travel.show}
        className="mb-3 inline-flex rounded-md border border-line bg-sunken p-0.5"
      >
        {tabs.map(([name, label, many]) => (
          <button
            key={name}
            type="button"
            aria-pressed={tab === name}
            onClick={() => setTab(name)}
            className={cx(
              "flex h-7 items-center gap-1.5 rounded-sm px-3 text-sm max-md:h-9",
              tab === name ? "bg-raised font-medium shadow-1" : "text-ink-2 hover:text-ink",
            )}
          >
            {label} {many !== null && <span className="tnum text-xs text-ink-3">{count(many)}</span>}
          </button>
        ))}
      </div>
      {tab === "state" && <Values values={values as Record<string, unknown>} summary={summary} />}
      {tab === "changes" && (found ? <Changes {...found} first={base === null} /> : <Loading />)}
      {tab === "messages" && <Said messages={messages} />}
    </>
  );
}

function Values({ values, summary }: { values: Record<string, unknown>; summary: string | null }) {
  const entries = Object.entries(values);
  return (
    <div className="font-mono text-xs" data-state-tree>
      {entries.length === 0 && <p className="font-sans text-sm text-ink-3">{t.travel.noValues}</p>}
      {entries.map(([name, value]) => (
        <JsonTree key={name} name={name} value={value} open={2} />
      ))}
      {summary && (
        <div className="mt-4 rounded-md border border-line bg-surface px-3 py-2 font-sans">
          <h4 className="text-xs font-medium">{t.context.summary}</h4>
          <p className="mt-1 text-xs break-words whitespace-pre-wrap text-ink-2">{summary}</p>
        </div>
      )}
    </div>
  );
}

interface Diff {
  values: Change[];
  /** Messages that are in view now and were not. */
  said: StateAt["messages"];
  /** How many went out of view. */
  gone: number;
}

function diffOf(state: StateAt, older: StateAt | null): Diff {
  const seen = new Set((older?.messages ?? []).map(({ seq }) => seq));
  const now = new Set(state.messages.map(({ seq }) => seq));
  return {
    values: changes((older?.values ?? {}) as Record<string, unknown>, state.values as Record<string, unknown>),
    said: state.messages.filter(({ seq }) => !seen.has(seq)),
    gone: [...seen].filter((seq) => !now.has(seq)).length,
  };
}

const TONES = { added: "bg-ok-soft text-ok", removed: "bg-bad-soft text-bad", changed: "bg-warn-soft text-warn" };

function Changes({ values, said, gone, first }: Diff & { first: boolean }) {
  if (values.length + said.length + gone === 0) return <p className="text-sm text-ink-3">{t.travel.noChanges}</p>;
  return (
    <div className="space-y-3">
      {first && <p className="text-xs text-ink-3">{t.travel.firstStep}</p>}
      <ul className="space-y-2" aria-label={t.travel.changes}>
        {values.map((change) => (
          <li key={change.path} className="overflow-hidden rounded-md border border-line" data-change={change.path}>
            <div className="flex items-center gap-2 border-b border-line bg-surface px-3 py-1.5 text-xs">
              <code className="min-w-0 flex-1 truncate font-mono font-medium">{change.path}</code>
              <span className={`rounded-full px-2 py-px ${TONES[change.kind]}`}>{t.travel.change[change.kind]}</span>
            </div>
            {change.kind !== "added" && <Side sign="−" tone="bg-bad-soft" value={change.before} />}
            {change.kind !== "removed" && <Side sign="+" tone="bg-ok-soft" value={change.after} />}
          </li>
        ))}
      </ul>
      {gone > 0 && <p className="text-sm text-ink-2">{t.travel.gone(gone)}</p>}
      {said.length > 0 && <Said messages={said} />}
    </div>
  );
}

function Side({ sign, tone, value }: { sign: string; tone: string; value: unknown }) {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
  return (
    <div className={`flex gap-2 px-3 py-1.5 font-mono text-xs ${tone}`}>
      <span aria-hidden className="shrink-0 text-ink-2 select-none">
        {sign}
      </span>
      <pre className="max-h-64 min-w-0 overflow-auto break-words whitespace-pre-wrap" tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}

function Said({ messages }: { messages: StateAt["messages"] }) {
  if (messages.length === 0) return <p className="text-sm text-ink-3">{t.travel.noMessages}</p>;
  return (
    <ol
      aria-label={t.travel.messages}
      className="divide-y divide-line overflow-hidden rounded-md border border-line bg-surface"
    >
      {messages.map(({ seq, message }) => (
        <li key={seq} className="flex items-baseline gap-3 px-3 py-2 text-sm">
          <span className="tnum w-6 shrink-0 text-right text-xs text-ink-3">{seq}</span>
          <span className="w-16 shrink-0 text-xs text-ink-2">{message.role}</span>
          <span className="line-clamp-4 min-w-0 flex-1 break-words whitespace-pre-wrap">{wordsOf(message)}</span>
        </li>
      ))}
    </ol>
  );
}

function wordsOf(message: StateAt["messages"][number]["message"]): string {
  return message.parts
    .map((part) => {
      if ("text" in part) return part.text;
      if (part.type === "tool_call") return `→ ${part.name}(${oneLine(part.arguments ?? {})})`;
      return part.type === "tool_result" ? part.content : `[${part.type}]`;
    })
    .join("\n");
}
