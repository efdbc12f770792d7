/** One message of a thread, as it is read: words, thoughts, calls of tools with their results. */
import { memo, useMemo } from "react";
import type { Cited, Message, Part, StoredMessage, ToolCallPart, ToolResultPart } from "~/api/types";
import type { Told } from "~/run/told";
import type { RunView } from "~/run/view";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { CopyButton } from "~/ui/CopyButton";
import { JsonView } from "~/ui/JsonView";
import { Markdown } from "~/ui/Markdown";
import { TimeAgo } from "~/ui/TimeAgo";
import { Reasoning } from "./Reasoning";
import { ToldLines } from "./ToldLines";
import { MediaView, ToolCard, type ToolState } from "./ToolCard";

export const COLUMN = "mx-auto w-full max-w-[46rem] px-5 max-md:px-4";

/** What others put to a message. */
export interface Extras {
  /** Below an answer; `last` is the newest of the thread. */
  below: (row: StoredMessage, last: boolean) => React.ReactNode;
  /** Beside what a person said. */
  beside: (row: StoredMessage) => React.ReactNode;
  /** Somebody wants to see what an answer cites. */
  onCite: (source: Cited) => void;
}

interface Props {
  row: StoredMessage;
  /** The message before goes on in the same voice: no name again. */
  continues: boolean;
  /** Shows who speaks (and so whether it is the demo model). */
  who: React.ReactNode;
  /** Of this message's calls, in the order of its parts. */
  results: readonly (ToolResultPart | undefined)[];
  /** The run that wrote it, while it is at work. */
  view: RunView | null;
  /** That run waits for an answer. */
  paused: boolean;
  found: boolean;
  /** What its run was told, that it may cite. */
  told: Told;
  /** The first answer of its run: what came to mind stands there. */
  first: boolean;
  /** The newest of the thread. */
  last: boolean;
  extras: Extras;
}

export const MessageRow = memo(
  function MessageRow({ row, continues, who, results, view, paused, found, told, first, last, extras }: Props) {
    const { message } = row;
    if (message.role === "user") return <UserMessage row={row} found={found} beside={extras.beside} />;
    if (message.role === "system") return <SystemMessage message={message} />;
    return (
      <article
        data-seq={row.seq}
        data-role={message.role}
        aria-label={message.author ?? t.chat.assistant}
        className={cx(COLUMN, "group/message", continues ? "pt-2.5" : "pt-6", found && "found relative")}
      >
        {!continues && <Head who={who} row={row} />}
        <div className="space-y-2.5">
          {first && <ToldLines told={told} onCite={extras.onCite} />}
          {parts(message.parts, results, view, paused, told, extras.onCite)}
        </div>
        {textOf(message).trim() !== "" && extras.below(row, last)}
      </article>
    );
  },
  (a, b) =>
    a.row === b.row &&
    a.continues === b.continues &&
    a.found === b.found &&
    a.paused === b.paused &&
    a.view === b.view &&
    a.told === b.told &&
    a.first === b.first &&
    a.last === b.last &&
    a.extras === b.extras &&
    a.results.length === b.results.length &&
    a.results.every((result, at) => result === b.results[at]),
);

function Head({ who, row }: { who: React.ReactNode; row: StoredMessage }) {
  return (
    <header className="mb-1.5 flex h-6 items-center gap-2 text-sm">
      {who}
      <TimeAgo at={row.at} className="text-xs text-ink-3" />
      <CopyButton
        text={() => textOf(row.message)}
        className="ml-auto opacity-0 group-focus-within/message:opacity-100 group-hover/message:opacity-100"
      />
    </header>
  );
}

function parts(
  list: readonly Part[],
  results: Props["results"],
  view: RunView | null,
  paused: boolean,
  told: Told,
  onCite: Extras["onCite"],
) {
  let call = -1;
  return list.map((part, at) => {
    switch (part.type) {
      case "text":
        return part.text.trim() === "" ? null : <Words key={at} text={part.text} told={told} onCite={onCite} />;
      case "reasoning":
        return <Reasoning key={at} text={part.text} redacted={Boolean(part.redacted) && !part.text} />;
      case "media":
        return <MediaView key={at} part={part} />;
      case "tool_call":
        call += 1;
        return <Call key={part.id} call={part} result={results[call]} view={view} paused={paused} />;
      case "tool_result":
        return null;
    }
  });
}

/** Words of an answer; structured output is a JSON object and nothing else. */
function Words({ text, told, onCite }: { text: string; told: Told; onCite: Extras["onCite"] }) {
  const sources = useMemo(() => new Set(told.sources.keys()), [told]);
  if (/^\s*\{[\s\S]*\}\s*$/.test(text) && isJson(text)) return <JsonView value={text} label={t.chat.output} />;
  const cite = (n: number) => {
    const source = told.sources.get(n);
    if (source) onCite(source);
  };
  return <Markdown text={text} className="text-md" sources={sources} onCite={cite} />;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function Call({
  call,
  result,
  view,
  paused,
}: {
  call: ToolCallPart;
  result: ToolResultPart | undefined;
  view: RunView | null;
  paused: boolean;
}) {
  let running: number | undefined;
  let took: number | undefined;
  let state: ToolState = "unknown";
  for (const span of view?.open.values() ?? []) if (span.callId === call.id) running = span.start;
  const span = view?.spans.findLast((span) => span.callId === call.id);
  if (span?.end) took = span.end - span.start;
  const answer = result ?? span?.result ?? undefined;
  if (answer) state = answer.failed ? "failed" : "done";
  else if (span) state = span.failed ? "failed" : "done";
  else if (running !== undefined) state = "running";
  else if (view) state = paused ? "asked" : "waiting";
  return (
    <ToolCard call={call} result={answer} state={state} since={state === "running" ? running : undefined} took={took} />
  );
}

function UserMessage({ row, found, beside }: { row: StoredMessage; found: boolean; beside: Extras["beside"] }) {
  const { message } = row;
  return (
    <article
      data-seq={row.seq}
      data-role="user"
      aria-label={t.chat.you}
      className={cx(COLUMN, "group/message flex items-end justify-end gap-1 pt-6")}
    >
      {beside(row)}
      <CopyButton
        text={() => textOf(message)}
        className="opacity-0 group-focus-within/message:opacity-100 group-hover/message:opacity-100"
      />
      <Bubble found={found}>
        {message.parts.map((part, at) =>
          part.type === "text" ? (
            <span key={at}>{part.text}</span>
          ) : part.type === "media" ? (
            <MediaView key={at} part={part} />
          ) : null,
        )}
      </Bubble>
    </article>
  );
}

export function Bubble({ children, found, faint }: { children: React.ReactNode; found?: boolean; faint?: boolean }) {
  return (
    <div
      className={cx(
        "max-w-[85%] rounded-xl rounded-br-sm border border-line bg-raised px-3.5 py-2 text-md break-words whitespace-pre-wrap shadow-1",
        found && "ring-2 ring-accent",
        faint && "text-ink-2",
      )}
    >
      {children}
    </div>
  );
}

function SystemMessage({ message }: { message: Message }) {
  return (
    <p data-role="system" className={cx(COLUMN, "pt-6 text-center text-xs text-ink-3")}>
      {textOf(message)}
    </p>
  );
}

export function textOf(message: Message): string {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
