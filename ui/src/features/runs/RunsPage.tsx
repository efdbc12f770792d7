/** All runs, newest first, by status. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Activity } from "lucide-react";
import { useMemo } from "react";
import { runsQuery, threadsQuery } from "~/api/queries";
import { isLive, type Run, type Status, STATUSES } from "~/api/types";
import { restOf } from "~/run/standing";
import { t } from "~/strings";
import { StatusDot } from "~/ui/Badge";
import { Button, buttonClass } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { cost, duration, totalTokens } from "~/ui/format";
import { Page } from "~/ui/Page";
import { Empty, Failure, Loading } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { useNow } from "~/ui/useNow";

const COLUMNS =
  "grid grid-cols-[9.5rem_minmax(0,1fr)_6rem_5rem_5rem_5.5rem] items-center gap-4 max-md:grid-cols-[minmax(0,1fr)_auto] max-md:gap-x-3 max-md:gap-y-0.5";

export function RunsPage({
  status,
  onStatus,
}: {
  status: Status | undefined;
  onStatus: (status: Status | undefined) => void;
}) {
  const query = useInfiniteQuery(runsQuery(status));
  const titles = useTitles();
  const runs = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page title={t.runs.title} lead={t.runs.lead}>
      <Filter status={status} onStatus={onStatus} />
      {query.isPending && <Loading />}
      {query.error && !query.data && (
        <Failure title={t.errors.load(t.runs.title)} error={query.error} onRetry={() => void query.refetch()} />
      )}
      {query.data &&
        runs.length === 0 &&
        (status ? (
          <Empty title={t.runs.emptyFilter} />
        ) : (
          <Empty icon={<Activity size={24} />} title={t.runs.empty} detail={t.runs.emptyDetail}>
            <Link to="/chat" className={buttonClass("solid")}>
              {t.chat.new}
            </Link>
          </Empty>
        ))}
      {runs.length > 0 && (
        <div role="table" aria-label={t.runs.title}>
          <div
            role="row"
            className={`${COLUMNS} border-b border-line px-3 pb-2 text-xs font-medium text-ink-3 max-md:hidden`}
          >
            <span role="columnheader">{t.runs.status}</span>
            <span role="columnheader">{t.runs.run}</span>
            <span role="columnheader" className="text-right">
              {t.runs.duration}
            </span>
            <span role="columnheader" className="text-right">
              {t.runs.tokens}
            </span>
            <span role="columnheader" className="text-right">
              {t.runs.cost}
            </span>
            <span role="columnheader" className="text-right">
              {t.runs.started}
            </span>
          </div>
          {runs.map((run) => (
            <RunRow key={run.id} run={run} title={titles.get(run.thread_id)} />
          ))}
        </div>
      )}
      {query.hasNextPage && (
        <div className="flex justify-center py-4">
          <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {query.isFetchingNextPage ? t.common.loading : t.common.loadMore}
          </Button>
        </div>
      )}
    </Page>
  );
}

/** Titles of the threads that are known anyway: a run's own row does not repeat its input. */
function useTitles(): ReadonlyMap<string, string> {
  const { data } = useInfiniteQuery(threadsQuery);
  return useMemo(
    () => new Map((data?.pages ?? []).flatMap((page) => page.items).map(({ id, title }) => [id, title])),
    [data],
  );
}

function Filter({ status, onStatus }: { status: Status | undefined; onStatus: (status: Status | undefined) => void }) {
  const chip = (name: Status | undefined, label: string) => (
    <button
      key={name ?? "all"}
      type="button"
      aria-pressed={status === name}
      onClick={() => onStatus(name)}
      className={cx(
        "flex h-7 items-center gap-1.5 rounded-full border px-2.5 text-xs whitespace-nowrap transition-colors max-md:h-9 max-md:px-3",
        status === name
          ? "border-accent-line bg-accent-soft font-medium text-accent-ink"
          : "border-line text-ink-2 hover:border-line-strong hover:text-ink",
      )}
    >
      {name && <StatusDot status={name} className="size-1.5!" />}
      {label}
    </button>
  );
  return (
    <div role="group" aria-label={t.runs.filter} className="-mx-1 mb-5 flex gap-1.5 overflow-x-auto px-1 py-1">
      {chip(undefined, t.runs.all)}
      {STATUSES.map((name) => chip(name, t.status[name]))}
    </div>
  );
}

function RunRow({ run, title }: { run: Run; title: string | undefined }) {
  const now = useNow(isLive(run.status), 1000);
  const took = (isLive(run.status) ? now : run.updated_at) - run.created_at;
  return (
    <div role="row" data-run={run.id} className={`${COLUMNS} relative border-b border-line px-3 py-2 hover:bg-hover`}>
      <span
        role="cell"
        className="flex items-center gap-2 text-sm max-md:col-start-2 max-md:row-start-1 max-md:text-xs"
      >
        <StatusDot status={run.status} />
        <span
          className={cx(
            run.status === "failed" || run.status === "dead"
              ? "text-bad"
              : run.status === "paused"
                ? "text-warn"
                : "text-ink-2",
          )}
        >
          {run.status === "paused" ? t.rests[restOf(run)] : t.status[run.status]}
        </span>
      </span>
      <span role="cell" className="min-w-0 max-md:col-start-1 max-md:row-start-1">
        <Link
          to="/runs/$run"
          params={{ run: run.id }}
          search={{}}
          className="flex items-baseline gap-2.5 after:absolute after:inset-0"
        >
          <span className="font-medium">{run.target}</span>
          <span
            className={cx(
              "truncate",
              run.error ? "text-xs text-bad" : title ? "text-ink-2" : "font-mono text-xs text-ink-3",
            )}
          >
            {run.error ?? (title || run.id)}
          </span>
        </Link>
      </span>
      <span role="cell" className="tnum text-right text-sm text-ink-2 max-md:hidden">
        {duration(took)}
      </span>
      <span role="cell" className="tnum text-right text-sm text-ink-2 max-md:hidden">
        {totalTokens(run.usage)}
      </span>
      <span role="cell" className="tnum text-right text-sm text-ink-2 max-md:hidden">
        {cost(run.usage)}
      </span>
      <span role="cell" className="text-right text-sm text-ink-2 max-md:col-start-1 max-md:text-left max-md:text-xs">
        <TimeAgo at={run.created_at} />
        <span className="tnum md:hidden">
          {" "}
          · {duration(took)} · {cost(run.usage)}
        </span>
      </span>
    </div>
  );
}
