/** A thread's past: its checkpoints, the state at any of them, and the ways to go on from there. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { GitBranch, RotateCcw } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { api } from "~/api/client";
import { historyQuery } from "~/api/queries";
import type { Moment } from "~/api/types";
import { statusOf } from "~/run/follower";
import { standingOf } from "~/run/standing";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { Empty, Failure, Loading } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { toastError } from "~/ui/Toasts";
import { GoOnDialog } from "./GoOnDialog";
import { MomentList } from "./MomentList";
import { before, effects, lastOf } from "./moments";
import { StateView } from "./StateView";

interface Props {
  threadId: string;
  /** The run that is looked at, where one is. */
  live?: LiveRun | null;
}

export function HistoryView({ threadId, live = null }: Props) {
  const standing = live ? standingOf(statusOf(live), live.view, live.run) : "over";
  const query = useInfiniteQuery({
    ...historyQuery(threadId),
    refetchInterval: standing === "moving" ? 2_000 : false,
  });
  const { refetch } = query;
  const seq = live?.view.seq ?? 0;
  useEffect(() => {
    if (standing !== "moving") void refetch();
  }, [standing, seq, refetch]);
  const moments = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const once = useMemo(() => effects(live?.view.events ?? []), [live?.view.events]);
  const [step, setStep] = useState<number | null>(null);
  const chosen = moments.find((one) => one.step === step) ?? moments[0];
  if (query.error && !query.data) return <Failure error={query.error} onRetry={() => void refetch()} />;
  if (!query.data) return <Loading />;
  if (!chosen) return <Empty title={t.travel.empty} detail={t.travel.emptyDetail} />;
  return (
    <div className="grid grid-cols-[19rem_minmax(0,1fr)] gap-6 max-lg:grid-cols-[15rem_minmax(0,1fr)] max-md:grid-cols-1">
      <div className="max-h-[70vh] overflow-y-auto rounded-lg border border-line bg-surface p-1.5 max-md:max-h-64">
        <MomentList
          moments={moments}
          effects={once}
          chosen={chosen.step}
          onChoose={setStep}
          runId={live?.view.runId ?? null}
        />
        {query.hasNextPage && (
          <div className="flex justify-center p-2">
            <Button small disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t.common.loadMore}
            </Button>
          </div>
        )}
      </div>
      <div className="min-w-0">
        <Head
          threadId={threadId}
          moment={chosen}
          moments={moments}
          live={live}
          held={standing === "held"}
          once={once}
        />
        <StateView key={chosen.step} threadId={threadId} step={chosen.step} base={before(chosen, moments)} />
      </div>
    </div>
  );
}

interface HeadProps {
  threadId: string;
  moment: Moment;
  moments: readonly Moment[];
  live: LiveRun | null;
  held: boolean;
  once: ReadonlyMap<number, string[]>;
}

function Head({ threadId, moment, moments, live, held, once }: HeadProps) {
  const [open, setOpen] = useState(false);
  const newest = moments[0]?.step === moment.step;
  const runId = live?.view.runId;
  const again = held && runId ? moment.made_by.filter((node) => lastOf(node, moments) === moment.step) : [];
  return (
    <header className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-2">
      <div className="min-w-0 flex-1 max-md:basis-full">
        <h3 className="text-lg font-semibold tracking-tight">{t.travel.step(moment.step)}</h3>
        <p className="text-sm text-ink-2">
          {moment.made_by.length > 0 ? t.travel.madeBy(moment.made_by.join(", ")) : t.travel.sourceLong[moment.source]}{" "}
          · <TimeAgo at={moment.at} />
          {moment.version && ` · ${t.travel.version(moment.version)}`}
        </p>
        <p className="text-sm text-ink-2">
          {moment.next.length > 0 ? (
            <>
              {t.travel.next} <code className="font-mono text-xs text-ink">{moment.next.join(", ")}</code>
            </>
          ) : (
            t.travel.nothingNext
          )}
        </p>
      </div>
      <div className="flex flex-wrap gap-2">
        {again.map((node) => (
          <Button key={node} onClick={() => void api.rerun(runId!, node).then(live!.poke).catch(toastError)}>
            <RotateCcw aria-hidden size={14} /> {t.travel.rerun(node)}
          </Button>
        ))}
        <Button look="solid" onClick={() => setOpen(true)}>
          <GitBranch aria-hidden size={14} /> {t.travel.goOn}
        </Button>
      </div>
      <GoOnDialog
        key={moment.step}
        open={open}
        onOpenChange={setOpen}
        threadId={threadId}
        moment={moment}
        nodes={[...new Set(moments.flatMap(({ made_by: made, next }) => [...made, ...next]))].sort()}
        live={held && newest ? live : null}
        once={[...once].flatMap(([step, names]) => (step >= moment.step ? names : []))}
      />
    </header>
  );
}
