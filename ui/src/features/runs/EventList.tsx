/** The stored events of a run, as they are. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight } from "lucide-react";
import { useCallback, useMemo, useRef, useState } from "react";
import type { Envelope, RunEvent } from "~/api/types";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { duration, moment, oneLine } from "~/ui/format";
import { JsonView } from "~/ui/JsonView";
import { Empty } from "~/ui/States";

export function EventList({ events }: { events: readonly Envelope[] }) {
  const [filter, setFilter] = useState("");
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const needle = filter.trim().toLowerCase();
  const shown = useMemo(
    () => (needle ? events.filter((envelope) => JSON.stringify(envelope).toLowerCase().includes(needle)) : events),
    [events, needle],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 33,
    getItemKey: useCallback((index: number) => shown[index]!.seq, [shown]),
    overscan: 12,
  });
  const toggle = (seq: number) => {
    const next = new Set(open);
    if (!next.delete(seq)) next.add(seq);
    setOpen(next);
  };
  if (events.length === 0) return <Empty title={t.runs.noEvents} />;
  const start = events[0]!.at;
  return (
    <>
      <input
        type="search"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
        aria-label={t.runs.filterEvents}
        placeholder={t.runs.filterEvents}
        className="mb-3 h-8 w-64 max-w-full rounded-md border border-line bg-surface px-3 text-sm placeholder:text-ink-3 focus:border-accent-line"
      />
      {shown.length === 0 && <Empty title={t.runs.noneMatch} />}
      {shown.length > 0 && (
        <div
          ref={scroller}
          role="region"
          tabIndex={0}
          aria-label={t.runs.events}
          className="max-h-[65vh] overflow-y-auto rounded-lg border border-line bg-surface"
        >
          <ol className="relative" style={{ height: list.getTotalSize() }}>
            {list.getVirtualItems().map((item) => {
              const envelope = shown[item.index]!;
              const expanded = open.has(envelope.seq);
              return (
                <li
                  key={item.key}
                  ref={list.measureElement}
                  data-index={item.index}
                  data-event={envelope.event.type}
                  className="absolute inset-x-0 top-0 border-b border-line"
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <button
                    type="button"
                    aria-expanded={expanded}
                    onClick={() => toggle(envelope.seq)}
                    className="flex h-8 w-full items-center gap-3 px-3 text-left text-xs hover:bg-hover focus-visible:-outline-offset-2"
                  >
                    <ChevronRight
                      aria-hidden
                      size={13}
                      className={cx("shrink-0 text-ink-3 transition-transform", expanded && "rotate-90")}
                    />
                    <span className="tnum w-8 shrink-0 text-right text-ink-3">{envelope.seq}</span>
                    <time
                      dateTime={new Date(envelope.at * 1000).toISOString()}
                      title={moment(envelope.at)}
                      className="w-16 shrink-0 text-right text-ink-3 max-md:hidden"
                    >
                      +{duration(envelope.at - start)}
                    </time>
                    <span
                      className={cx(
                        "w-40 shrink-0 truncate font-mono max-md:w-32",
                        isBad(envelope.event) && "text-bad",
                      )}
                    >
                      {envelope.event.type}
                    </span>
                    <span className="min-w-0 flex-1 truncate text-ink-2">{gist(envelope.event)}</span>
                    <span className="max-w-56 shrink-0 truncate font-mono text-2xs text-ink-3 max-lg:hidden">
                      {envelope.path.join(" / ")}
                    </span>
                  </button>
                  {expanded && (
                    <div className="px-3 pb-3">
                      <JsonView value={envelope} label={envelope.event.type} />
                    </div>
                  )}
                </li>
              );
            })}
          </ol>
        </div>
      )}
    </>
  );
}

function isBad(event: RunEvent): boolean {
  return (
    event.type === "run.failed" ||
    event.type === "node.failed" ||
    event.type === "model.failed" ||
    event.type === "effect.unknown" ||
    (event.type === "run.steered" && event.refused != null) ||
    (event.type === "tool.finished" && event.failed === true)
  );
}

/** What an event says, in one line. */
function gist(event: RunEvent): string {
  switch (event.type) {
    case "message.added": {
      const { message } = event;
      return message
        ? `${event.seq} ${message.role}: ${oneLine(message.parts.map((part) => ("text" in part ? part.text : part.type === "tool_call" ? `→ ${part.name}` : part.type === "tool_result" ? part.content : part.type)).join(" "))}`
        : String(event.seq);
    }
    case "node.finished":
      return event.node;
    case "node.failed":
      return `${event.node}: ${event.message}`;
    case "model.finished":
      return event.model;
    case "tool.finished":
      return event.name;
    case "run.failed":
      return event.message;
    case "run.started":
    case "run.resumed":
      return event.target;
    case "step.committed":
      return [event.step, ...(event.changed ?? [])].join(" ");
    case "limit.reached":
      return event.message;
    case "run.steered":
      return `${event.command} · ${event.by}${event.refused ? `: ${event.refused}` : ""}`;
    case "run.paused":
      return event.reason ?? "question";
    case "memory.recalled":
      return t.chat.recalled(event.ids.length);
    case "knowledge.found":
      return [...new Set(event.sources.map(({ name }) => name))].join(", ");
    case "custom":
    case "effect.started":
    case "effect.unknown":
      return event.name;
    default:
      return oneLine(Object.fromEntries(Object.entries(event).filter(([key]) => key !== "type")));
  }
}
