/** The work of a run as a waterfall: one bar each, on one clock, growing while it runs. */
import { Bot, Box, Wrench } from "lucide-react";
import { memo, useMemo, useState } from "react";
import { ticks, waterfall, type Row } from "~/run/spans";
import type { RunView, Span } from "~/run/view";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { cost, count, dollars, duration, short } from "~/ui/format";
import { JsonView } from "~/ui/JsonView";
import { Empty } from "~/ui/States";
import { useNow } from "~/ui/useNow";

const GRID = "grid grid-cols-[minmax(9rem,16rem)_minmax(0,1fr)_4.5rem] max-md:grid-cols-[7.5rem_minmax(0,1fr)_3.75rem]";
/** With more rows than this, those outside the window are skipped by the browser (content-visibility). */
const MANY = 60;

export function Timeline({ view }: { view: RunView }) {
  const { rows, from, to } = useMemo(() => waterfall(view), [view]);
  const now = useNow(to === null && view.open.size > 0, 80);
  const [chosen, setChosen] = useState<string | null>(null);
  const end = Math.max(to ?? now, from + 0.001);
  const length = end - from;
  if (rows.length === 0) return <Empty title={t.runs.none} />;
  const marks = ticks(length, 6);
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-surface" role="group" aria-label={t.runs.timeline}>
      <div className={`${GRID} h-8 items-center border-b border-line text-2xs text-ink-3`} aria-hidden>
        <span />
        <span className="relative h-full">
          {marks.map((mark) => (
            <span
              key={mark}
              className="tnum absolute top-1/2 -translate-y-1/2 pl-1 whitespace-nowrap"
              style={{ left: `${(mark / length) * 100}%`, display: mark / length > 0.94 ? "none" : undefined }}
            >
              {mark === 0 ? "0" : duration(mark)}
            </span>
          ))}
        </span>
        <span />
      </div>
      <ul className="relative">
        {rows.map((row) => (
          <Bar
            key={`${row.span.id}@${row.span.start}`}
            row={row}
            from={from}
            length={length}
            now={row.span.end === null ? now : 0}
            marks={marks}
            many={rows.length > MANY}
            open={chosen === row.span.id}
            onToggle={setChosen}
          />
        ))}
      </ul>
    </div>
  );
}

const COLORS = { node: "bg-bar-node", model: "bg-bar-model", tool: "bg-bar-tool" } as const;
const ICONS = { node: Box, model: Bot, tool: Wrench } as const;

interface BarProps {
  row: Row;
  from: number;
  length: number;
  /** The clock, for a bar that is open; else 0, so that closed bars need no redraw for it. */
  now: number;
  marks: number[];
  many: boolean;
  open: boolean;
  onToggle: (id: string | null) => void;
}

const Bar = memo(function Bar({ row: { span, depth }, from, length, now, marks, many, open, onToggle }: BarProps) {
  const end = span.end ?? Math.max(now, span.start);
  const left = ((span.start - from) / length) * 100;
  const width = ((end - span.start) / length) * 100;
  const first = span.firstPieceAt
    ? ((span.firstPieceAt - span.start) / Math.max(0.0001, end - span.start)) * 100
    : null;
  const Icon = ICONS[span.kind];
  const live = span.end === null;
  return (
    <li
      className={cx(
        "border-b border-line last:border-b-0",
        many && "[contain-intrinsic-size:auto_2rem] [content-visibility:auto]",
      )}
      data-span={span.kind}
      data-live={live || undefined}
    >
      <button
        type="button"
        aria-expanded={open}
        onClick={() => onToggle(open ? null : span.id)}
        className={cx(
          GRID,
          "h-8 w-full items-center text-left hover:bg-hover focus-visible:-outline-offset-2",
          open && "bg-hover",
        )}
      >
        <span
          className="flex min-w-0 items-center gap-1.5 pr-2 text-xs"
          style={{ paddingLeft: `${0.75 + Math.min(depth, 8) * 0.85}rem` }}
        >
          <Icon aria-hidden size={13} className={cx("shrink-0", span.failed ? "text-bad" : "text-ink-3")} />
          <span className={cx("truncate", span.kind !== "node" && "font-mono", span.failed && "text-bad")}>
            {span.name}
          </span>
          <span className="sr-only">
            {t.runs.kind[span.kind]}
            {span.failed ? `, ${t.status.failed}` : live ? `, ${t.runs.live}` : ""}
          </span>
          {span.attempt !== undefined && span.attempt > 1 && (
            <span className="shrink-0 text-2xs text-warn">×{span.attempt}</span>
          )}
        </span>
        <span className="relative h-full" aria-hidden>
          {marks.map((mark) => (
            <span
              key={mark}
              className="absolute inset-y-0 w-px bg-line"
              style={{ left: `${(mark / length) * 100}%` }}
            />
          ))}
          <span
            className={cx(
              "absolute top-1/2 h-3 min-w-[3px] -translate-y-1/2 overflow-hidden rounded-[3px]",
              span.failed ? "bg-bad" : COLORS[span.kind],
            )}
            style={{ left: `${left}%`, width: `${width}%` }}
          >
            {first !== null && (
              <span className="absolute inset-y-0 left-0 bg-surface/45" style={{ width: `${Math.min(100, first)}%` }} />
            )}
            {live && (
              <span className="absolute inset-0 w-2/5 animate-[shuttle_1.4s_ease-in-out_infinite] bg-surface/35" />
            )}
          </span>
        </span>
        <span className="tnum pr-3 text-right text-xs text-ink-2">{duration(end - span.start)}</span>
      </button>
      {open && <Details span={span} />}
    </li>
  );
});

function Details({ span }: { span: Span }) {
  const { usage } = span;
  return (
    <div className="space-y-3 border-t border-line bg-canvas px-4 py-3 text-sm">
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        <Fact name={t.runs.kind[span.kind]}>{span.name}</Fact>
        <Fact name={t.runs.path}>
          <span className="font-mono text-xs">{span.path.join(" / ")}</span>
        </Fact>
        {span.attempt !== undefined && span.attempt > 1 && <Fact name={t.runs.attempt(span.attempt)}>{""}</Fact>}
        {span.firstPieceAt ? <Fact name={t.runs.firstPiece}>{duration(span.firstPieceAt - span.start)}</Fact> : null}
        {span.finish && span.finish !== "stop" && <Fact name={t.runs.finish}>{span.finish}</Fact>}
        {usage && (
          <>
            <Fact name={t.runs.tokens}>
              {count(usage.input_tokens ?? 0)} {t.runs.inTokens} · {count(usage.output_tokens ?? 0)} {t.runs.outTokens}
            </Fact>
            {usage.cached_tokens ? <Fact name={t.runs.cached}>{short(usage.cached_tokens)}</Fact> : null}
            <Fact name={t.runs.cost}>
              {usage.cost === null ? t.common.unknown : usage.cost ? dollars(usage.cost) : cost(usage)}
            </Fact>
          </>
        )}
      </dl>
      {span.error && (
        <p className="text-bad">
          {span.error.message} <span className="font-mono text-xs">({span.error.code})</span>
        </p>
      )}
      {span.kind === "tool" && span.arguments != null && <JsonView value={span.arguments} label={t.tool.arguments} />}
      {span.result && <JsonView value={span.result.content} label={t.tool.result} />}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd className="tnum">{children}</dd>
    </div>
  );
}
