/** A person's hands on one run: what can be done to it now, and nothing else. */
import { CircleDot, MessageSquarePlus, OctagonX, Pause, Play, StepForward } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { breakpointsQuery } from "~/api/queries";
import { statusOf } from "~/run/follower";
import { standingOf } from "~/run/standing";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { Button, Hint } from "~/ui/Button";
import { count } from "~/ui/format";
import { Kbd } from "~/ui/Kbd";
import { useKeys } from "~/ui/keys";
import { AbortDialog } from "./AbortDialog";
import { BreakpointsDialog } from "./BreakpointsDialog";
import { InjectDialog } from "./InjectDialog";
import { useCommand } from "./useCommand";

type Open = "breakpoints" | "inject" | "abort" | null;

export function ControlStrip({ live, children }: { live: LiveRun; children?: ReactNode }) {
  const { view, run } = live;
  const commands = useCommand(view.runId, live);
  const [open, setOpen] = useState<Open>(null);
  const standing = standingOf(statusOf(live), view, run);
  const { underWay } = commands;
  const moving = standing === "moving";
  const held = standing === "held";
  const over = standing === "over";
  const points = useQuery({ ...breakpointsQuery(view.runId), enabled: !over }).data?.length ?? 0;
  useKeys({
    p: () => moving && !underWay && commands.pause(),
    r: () => held && !underWay && commands.resume(),
    s: () => held && !underWay && commands.step(),
    b: () => (moving || held) && setOpen("breakpoints"),
  });
  if (over) return children ? <div className="flex flex-wrap items-center gap-2">{children}</div> : null;
  const shut = (now: boolean) => !now && setOpen(null);
  return (
    <div role="group" aria-label={t.control.label} className="flex flex-wrap items-center gap-2">
      {moving && (
        <Keyed keys="p">
          <Button disabled={underWay !== null} onClick={commands.pause}>
            <Pause aria-hidden size={14} /> {underWay === "pause" ? t.control.pausing : t.control.pause}
          </Button>
        </Keyed>
      )}
      {held && (
        <>
          <Keyed keys="r">
            <Button look="solid" disabled={underWay !== null} onClick={commands.resume}>
              <Play aria-hidden size={14} /> {t.control.resume}
            </Button>
          </Keyed>
          <Keyed keys="s">
            <Button disabled={underWay !== null} onClick={commands.step}>
              <StepForward aria-hidden size={14} /> {t.control.step}
            </Button>
          </Keyed>
        </>
      )}
      {(moving || held) && (
        <Keyed keys="b">
          <Button onClick={() => setOpen("breakpoints")}>
            <CircleDot aria-hidden size={14} className={points > 0 ? "text-bad" : undefined} />
            {held ? t.control.runUntil : t.control.breakpoints}
            {points > 0 && <span className="tnum text-ink-3">{count(points)}</span>}
          </Button>
        </Keyed>
      )}
      <Button onClick={() => setOpen("inject")}>
        <MessageSquarePlus aria-hidden size={14} /> {t.control.inject}
      </Button>
      <Button look="danger" onClick={() => setOpen("abort")}>
        <OctagonX aria-hidden size={14} /> {t.control.abort}
      </Button>
      {children}
      {view.refused && (
        <p role="alert" className="w-full text-sm text-bad">
          {t.control.refused(view.refused.command, view.refused.why)}
        </p>
      )}
      <BreakpointsDialog
        open={open === "breakpoints"}
        onOpenChange={shut}
        live={live}
        held={held}
        onRun={commands.resume}
      />
      <InjectDialog open={open === "inject"} onOpenChange={shut} runId={view.runId} send={commands.send} />
      <AbortDialog open={open === "abort"} onOpenChange={shut} runId={view.runId} send={commands.send} />
    </div>
  );
}

function Keyed({ keys, children }: { keys: string; children: React.ReactElement<Record<string, unknown>> }) {
  return (
    <Hint text={<Kbd keys={keys} />} side="bottom">
      {children}
    </Hint>
  );
}
