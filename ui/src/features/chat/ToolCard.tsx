/** One call of a tool: what was asked, what came back, and how it stands. */
import { Check, ChevronRight, CircleDashed, CircleSlash, ShieldQuestion, TriangleAlert } from "lucide-react";
import { memo, useState } from "react";
import { api } from "~/api/client";
import type { MediaPart, ToolCallPart, ToolResultPart } from "~/api/types";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { duration, oneLine } from "~/ui/format";
import { JsonView } from "~/ui/JsonView";
import { Spinner } from "~/ui/States";
import { useNow } from "~/ui/useNow";

export type ToolState = "waiting" | "asked" | "running" | "done" | "failed" | "unknown";

interface Props {
  call: ToolCallPart;
  result: ToolResultPart | undefined;
  state: ToolState;
  /** Seconds since the epoch, where it runs now. */
  since?: number | undefined;
  /** Seconds, where it is over. */
  took?: number | undefined;
}

export const ToolCard = memo(function ToolCard({ call, result, state, since, took }: Props) {
  const [open, setOpen] = useState(false);
  const failed = state === "failed";
  const summary = call.invalid ? oneLine(call.invalid) : argumentLine(call);
  return (
    <div
      data-tool={call.name}
      data-state={state}
      className={cx("overflow-hidden rounded-lg border bg-surface text-sm", failed ? "border-bad-line" : "border-line")}
    >
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex h-9 w-full items-center gap-2 px-3 text-left hover:bg-hover focus-visible:-outline-offset-2"
      >
        <Mark state={state} />
        <span className="shrink-0 font-mono text-xs font-medium">{call.name}</span>
        <span className="min-w-0 flex-1 truncate font-mono text-xs text-ink-3">{summary}</span>
        <span className={cx("tnum shrink-0 text-xs", failed ? "text-bad" : "text-ink-3")}>
          {since !== undefined ? (
            <Elapsed since={since} />
          ) : state === "done" ? (
            took !== undefined ? (
              duration(took)
            ) : (
              ""
            )
          ) : (
            label(state)
          )}
        </span>
        <ChevronRight
          aria-hidden
          size={14}
          className={cx("shrink-0 text-ink-3 transition-transform", open && "rotate-90")}
        />
      </button>
      {open && (
        <div className="space-y-3 border-t border-line px-3 py-3">
          <Section title={t.tool.arguments}>
            {call.invalid ? (
              <>
                <p className="mb-1 text-xs text-bad">{t.tool.invalid}</p>
                <JsonView value={call.invalid} label={t.tool.arguments} />
              </>
            ) : (
              <JsonView value={call.arguments ?? {}} label={t.tool.arguments} />
            )}
          </Section>
          {result ? (
            <Section title={t.tool.result} bad={failed}>
              {result.content !== "" && <JsonView value={result.content} label={t.tool.result} />}
              {result.media?.map((part, at) => (
                <MediaView key={at} part={part} />
              ))}
            </Section>
          ) : (
            (state === "unknown" || state === "failed") && <p className="text-xs text-ink-3">{t.tool.noResult}</p>
          )}
        </div>
      )}
    </div>
  );
});

function Section({ title, bad, children }: { title: string; bad?: boolean; children: React.ReactNode }) {
  return (
    <div>
      <p className={cx("mb-1 text-xs font-medium", bad ? "text-bad" : "text-ink-2")}>{title}</p>
      {children}
    </div>
  );
}

function Mark({ state }: { state: ToolState }) {
  const name = <span className="sr-only">{label(state)}:</span>;
  switch (state) {
    case "running":
      return (
        <>
          <Spinner className="size-3.5! text-accent!" />
          {name}
        </>
      );
    case "done":
      return (
        <>
          <Check aria-hidden size={14} className="shrink-0 text-ok" />
          {name}
        </>
      );
    case "failed":
      return (
        <>
          <TriangleAlert aria-hidden size={14} className="shrink-0 text-bad" />
          {name}
        </>
      );
    case "asked":
      return (
        <>
          <ShieldQuestion aria-hidden size={14} className="shrink-0 text-warn" />
          {name}
        </>
      );
    case "unknown":
      return (
        <>
          <CircleSlash aria-hidden size={14} className="shrink-0 text-ink-3" />
          {name}
        </>
      );
    default:
      return (
        <>
          <CircleDashed aria-hidden size={14} className="shrink-0 text-ink-3" />
          {name}
        </>
      );
  }
}

function label(state: ToolState): string {
  return {
    waiting: t.tool.waiting,
    asked: t.tool.asked,
    running: t.tool.running,
    done: t.tool.done,
    failed: t.tool.failed,
    unknown: t.tool.noResult,
  }[state];
}

function argumentLine(call: ToolCallPart): string {
  const entries = Object.entries(call.arguments ?? {});
  if (entries.length === 0) return "";
  if (entries.length === 1) return oneLine(entries[0]![1]);
  return oneLine(entries.map(([name, value]) => `${name}: ${oneLine(value, 60)}`).join(", "));
}

function Elapsed({ since }: { since: number }) {
  const now = useNow(true);
  return <>{duration(Math.max(0, now - since))}</>;
}

/** A picture, a sound or a file, by value or from the server. What lies elsewhere is a link: nothing is fetched from there. */
export function MediaView({ part }: { part: MediaPart }) {
  const local = part.blob ? api.blobUrl(part.blob) : part.data ? `data:${part.mime};base64,${part.data}` : null;
  const name = part.name ?? `${t.chat.attachment} (${part.mime})`;
  if (local && part.mime.startsWith("image/")) {
    return (
      <img src={local} alt={part.name ?? t.chat.attachment} className="mt-1 max-h-80 rounded-md border border-line" />
    );
  }
  const href = local ?? part.url ?? "";
  return /^(https?:|data:|blob:)/i.test(href) ? (
    <a href={href} target="_blank" rel="noopener noreferrer" className="text-accent-ink underline">
      {name}
    </a>
  ) : (
    <span className="text-ink-2">{name}</span>
  );
}
