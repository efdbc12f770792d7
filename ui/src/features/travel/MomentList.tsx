/** The checkpoints of a thread, newest first: what made each, what it changed, where it was gone back to. */
import { GitBranch, LogIn, RefreshCcw, ShieldAlert, Workflow } from "lucide-react";
import { type KeyboardEvent, useMemo } from "react";
import type { Moment } from "~/api/types";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { ago, moment as fullTime } from "~/ui/format";
import { left } from "./moments";

const ICONS = { step: Workflow, input: LogIn, fork: GitBranch, migration: RefreshCcw } as const;

interface Props {
  moments: readonly Moment[];
  /** By step, what began there that must not happen twice. */
  effects: ReadonlyMap<number, string[]>;
  chosen: number;
  onChoose: (step: number) => void;
  /** The run that is looked at; steps of others are paler. */
  runId: string | null;
}

export function MomentList({ moments, effects, chosen, onChoose, runId }: Props) {
  const gone = useMemo(() => left(moments), [moments]);
  const move = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1, Home: -moments.length, End: moments.length }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = moments.findIndex(({ step }) => step === chosen);
    const next = moments[Math.max(0, Math.min(moments.length - 1, at + by))];
    if (!next) return;
    onChoose(next.step);
    document.getElementById(`step-${next.step}`)?.focus();
  };
  return (
    <ol aria-label={t.travel.steps} onKeyDown={move} className="relative space-y-px">
      {moments.map((moment) => (
        <li key={moment.step}>
          <Row
            moment={moment}
            chosen={moment.step === chosen}
            pale={gone.has(moment.step) || (runId !== null && moment.run_id !== runId)}
            left={gone.has(moment.step)}
            once={effects.get(moment.step) ?? []}
            onChoose={onChoose}
          />
        </li>
      ))}
    </ol>
  );
}

interface RowProps {
  moment: Moment;
  chosen: boolean;
  pale: boolean;
  left: boolean;
  once: string[];
  onChoose: (step: number) => void;
}

function Row({ moment, chosen, pale, left: wasLeft, once, onChoose }: RowProps) {
  const { step, source, made_by: madeBy, changed, parent, at } = moment;
  const Icon = ICONS[source];
  return (
    <button
      type="button"
      id={`step-${step}`}
      data-step={step}
      aria-current={chosen ? "step" : undefined}
      tabIndex={chosen ? 0 : -1}
      onClick={() => onChoose(step)}
      className={cx(
        "flex w-full items-start gap-2.5 rounded-md px-2.5 py-2 text-left text-sm focus-visible:-outline-offset-2",
        chosen ? "bg-accent-soft" : "hover:bg-hover",
      )}
    >
      <span className={cx("tnum w-6 shrink-0 text-right text-xs leading-5", chosen ? "text-accent-ink" : "text-ink-3")}>
        {step}
      </span>
      <Icon aria-hidden size={14} className={cx("mt-[3px] shrink-0", chosen ? "text-accent-ink" : "text-ink-3")} />
      <span className="min-w-0 flex-1">
        <span className={cx("flex items-baseline gap-2", pale && "text-ink-2")}>
          <span
            className={cx("min-w-0 truncate", !pale && "font-medium", wasLeft && "line-through decoration-line-strong")}
          >
            {madeBy.length > 0 ? madeBy.join(", ") : t.travel.source[source]}
          </span>
          <time
            dateTime={new Date(at * 1000).toISOString()}
            title={fullTime(at)}
            className="tnum ml-auto shrink-0 text-2xs text-ink-3"
          >
            {ago(at)}
          </time>
        </span>
        {changed.length > 0 && (
          <span className="block truncate font-mono text-2xs text-ink-3">{changed.join(", ")}</span>
        )}
        {parent !== null && <span className="block text-2xs text-ink-3">{t.travel.continues(parent)}</span>}
        {wasLeft && <span className="block text-2xs text-ink-3">{t.travel.left}</span>}
        {once.length > 0 && (
          <span className="flex items-center gap-1 text-2xs text-warn">
            <ShieldAlert aria-hidden size={11} /> {t.travel.once(once.join(", "))}
          </span>
        )}
      </span>
    </button>
  );
}
