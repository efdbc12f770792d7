/** Small labels: the status of a run, the mark of the demo model. */
import type { ReactNode } from "react";
import type { Status } from "~/api/types";
import { t } from "~/strings";
import { Hint } from "./Button";
import { cx } from "./cx";

export type Tone = "plain" | "accent" | "ok" | "warn" | "bad";

const TONES: Record<Tone, string> = {
  plain: "bg-sunken text-ink-2",
  accent: "bg-accent-soft text-accent-ink",
  ok: "bg-ok-soft text-ok",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
};

export function Badge({
  tone = "plain",
  children,
  className,
}: {
  tone?: Tone;
  children: ReactNode;
  className?: string;
}) {
  return (
    <span
      className={cx(
        "inline-flex h-5 shrink-0 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap",
        TONES[tone],
        className,
      )}
    >
      {children}
    </span>
  );
}

export const STATUS_TONES: Record<Status, Tone> = {
  queued: "plain",
  running: "accent",
  sleeping: "plain",
  paused: "warn",
  finished: "ok",
  failed: "bad",
  cancelled: "plain",
  dead: "bad",
};

const DOTS: Record<Tone, string> = {
  plain: "bg-ink-3",
  accent: "bg-accent",
  ok: "bg-ok",
  warn: "bg-bar-tool",
  bad: "bg-bad",
};

export function StatusDot({ status, className }: { status: Status; className?: string }) {
  const live = status === "running";
  return (
    <span
      aria-hidden
      className={cx(
        "relative inline-block size-2 shrink-0 rounded-full",
        DOTS[STATUS_TONES[status]],
        status === "queued" && "opacity-60",
        live && "animate-pulse-soft",
        className,
      )}
    />
  );
}

/** `rests` says more exactly why a run that is paused rests. */
export function StatusPill({ status, rests }: { status: Status; rests?: string | undefined }) {
  return (
    <Badge tone={STATUS_TONES[status]}>
      <StatusDot status={status} className="size-1.5!" />
      {(status === "paused" && rests) || t.status[status]}
    </Badge>
  );
}

/** Wherever the built-in demo model answers, it says so. */
export function DemoBadge({ className }: { className?: string }) {
  return (
    <Hint text={t.demoExplained} side="bottom">
      <button
        type="button"
        className={cx(
          "inline-flex h-5 shrink-0 items-center rounded-full border border-dashed border-warn-line bg-warn-soft px-2 text-xs font-medium whitespace-nowrap text-warn",
          className,
        )}
      >
        {t.demoModel}
      </button>
    </Hint>
  );
}

/** The same mark where it cannot be a button: inside options and links. */
export function DemoMark() {
  return (
    <span className="inline-flex h-4.5 shrink-0 items-center rounded-full border border-dashed border-warn-line bg-warn-soft px-1.5 text-2xs font-medium whitespace-nowrap text-warn">
      {t.demoModel}
    </span>
  );
}
