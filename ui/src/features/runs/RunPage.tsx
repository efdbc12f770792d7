/** One run, live: how it stands, what it used, its timeline, its events, its data. */
import { Link } from "@tanstack/react-router";
import { ArrowLeft, MessageSquare } from "lucide-react";
import type { ReactNode } from "react";
import { isEnded, type RunTab, type Status } from "~/api/types";
import { statusOf } from "~/run/follower";
import { standingOf } from "~/run/standing";
import { type LiveRun, useRun } from "~/run/useRun";
import { t } from "~/strings";
import { StatusPill } from "~/ui/Badge";
import { buttonClass, Hint } from "~/ui/Button";
import { CopyButton } from "~/ui/CopyButton";
import { cost, count, duration, moment, short } from "~/ui/format";
import { JsonView } from "~/ui/JsonView";
import { Failure, Loading } from "~/ui/States";
import { TabHead, TabPanel, Tabs } from "~/ui/Tabs";
import { TimeAgo } from "~/ui/TimeAgo";
import { useNow } from "~/ui/useNow";
import { EventList } from "./EventList";
import { Timeline } from "./Timeline";

interface Slots {
  tab: RunTab;
  onTab: (tab: RunTab) => void;
  /** What can be done to the run. */
  controls: (live: LiveRun) => ReactNode;
  /** Why it rests before its end, and how it goes on. */
  rest: (live: LiveRun) => ReactNode;
  /** Above the tabs: what it is compared with. */
  above: (live: LiveRun) => ReactNode;
  history: (live: LiveRun) => ReactNode;
  /** What was said of it, and a way to say it. */
  feedback: ReactNode;
}

export function RunPage({ runId, ...slots }: Slots & { runId: string }) {
  const live = useRun(runId);
  if (!live || (!live.run && !live.error && live.view.seq === 0)) return <Loading className="flex-1" />;
  if (live.error && live.view.seq === 0 && !live.run) {
    return (
      <div className="mx-auto w-full max-w-xl p-8">
        <Failure title={t.errors.load(t.runs.run)} error={live.error} />
      </div>
    );
  }
  return <Loaded runId={runId} live={live} {...slots} />;
}

function Loaded({
  runId,
  live,
  tab,
  onTab,
  controls,
  rest,
  above,
  history,
  feedback,
}: Slots & { runId: string; live: LiveRun }) {
  const { view, run } = live;
  const status = statusOf(live);
  const standing = standingOf(status, view, run);
  const target = view.target || run?.target || runId;
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto w-full max-w-[76rem] px-8 pt-5 pb-16 max-md:px-4">
        <Link
          to="/runs"
          search={{}}
          className="mb-3 -ml-1 inline-flex items-center gap-1.5 rounded-sm px-1 text-sm text-ink-2 hover:text-ink"
        >
          <ArrowLeft aria-hidden size={14} /> {t.runs.title}
        </Link>
        <header className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <h1 className="truncate text-xl font-semibold tracking-tight">{target}</h1>
          <StatusPill status={status} rests={t.rests[standing]} />
          {live.connection === "waiting" && !isEnded(status) && (
            <span role="status" className="text-sm text-warn">
              {t.chat.reconnecting}
            </span>
          )}
          {run && (
            <Link
              to="/chat/$thread"
              params={{ thread: run.thread_id }}
              className={buttonClass("quiet", false, "ml-auto max-md:ml-0")}
            >
              <MessageSquare aria-hidden size={14} /> {t.runs.openThread}
            </Link>
          )}
        </header>
        <p className="mt-1 flex items-center gap-1 text-xs text-ink-3">
          <span className="truncate font-mono">{runId}</span>
          <CopyButton text={runId} label={t.runs.copyId} />
        </p>
        <div className="mt-4">{controls(live)}</div>
        {above(live)}
        {status === "paused" && <div className="mt-5 max-w-3xl space-y-3">{rest(live)}</div>}
        <Stats live={live} status={status} />
        <Outcome live={live} status={status} />
        {isEnded(status) && feedback}
        <Tabs
          value={tab}
          onChange={onTab}
          className="mt-7"
          heads={
            <>
              <TabHead value="timeline">{t.runs.timeline}</TabHead>
              <TabHead value="history">{t.travel.title}</TabHead>
              <TabHead value="events">
                {t.runs.events} <span className="tnum text-ink-3">{count(view.events.length)}</span>
              </TabHead>
              <TabHead value="data">{t.runs.data}</TabHead>
            </>
          }
        >
          <TabPanel value="timeline">
            <Timeline view={view} />
          </TabPanel>
          <TabPanel value="history">{history(live)}</TabPanel>
          <TabPanel value="events">
            <EventList events={view.events} />
          </TabPanel>
          <TabPanel value="data">
            <Data live={live} />
          </TabPanel>
        </Tabs>
      </div>
    </div>
  );
}

function Stats({ live: { view, run }, status }: { live: LiveRun; status: Status }) {
  const moving = status === "running";
  const now = useNow(moving, 200);
  const start = view.startedAt ?? run?.created_at ?? now;
  const end = view.endedAt ?? (moving ? now : (run?.updated_at ?? now));
  const usage = view.usage ?? run?.usage ?? null;
  const calls = view.spans.filter(({ kind }) => kind === "model").length;
  return (
    <dl className="mt-5 flex flex-wrap gap-px overflow-hidden rounded-lg border border-line bg-line">
      <Stat name={t.runs.started} note={<TimeAgo at={start} />}>
        {moment(start).split(", ").at(-1)}
      </Stat>
      <Stat name={t.runs.duration} note={moving ? t.runs.live : undefined}>
        {status === "queued" ? t.common.none : duration(end - start)}
      </Stat>
      <Stat
        name={t.runs.tokens}
        note={
          usage
            ? `${short(usage.input_tokens ?? 0)} ${t.runs.inTokens} · ${short(usage.output_tokens ?? 0)} ${t.runs.outTokens}`
            : undefined
        }
      >
        {usage ? count((usage.input_tokens ?? 0) + (usage.output_tokens ?? 0)) : t.common.none}
      </Stat>
      <Stat
        name={t.runs.cached}
        note={usage?.reasoning_tokens ? `${short(usage.reasoning_tokens)} ${t.runs.reasoning}` : undefined}
      >
        {usage ? short(usage.cached_tokens ?? 0) : t.common.none}
      </Stat>
      <Stat name={t.runs.cost} note={t.runs.requests(usage?.requests ?? calls)}>
        {usage && usage.cost === null ? (
          <Hint text={t.runs.unknownCost}>
            <button type="button" className="rounded-xs text-warn underline decoration-dotted underline-offset-4">
              {t.common.unknown}
            </button>
          </Hint>
        ) : (
          cost(usage)
        )}
      </Stat>
    </dl>
  );
}

function Stat({ name, note, children }: { name: string; note?: ReactNode; children: ReactNode }) {
  return (
    <div className="min-w-36 flex-1 bg-surface px-4 py-3">
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd>
        <span className="tnum block text-lg font-semibold tracking-tight">{children}</span>
        <span className="tnum block min-h-4.5 text-xs text-ink-3">{note}</span>
      </dd>
    </div>
  );
}

function Outcome({ live, status }: { live: LiveRun; status: Status }) {
  const { view, run } = live;
  if (status === "failed" || status === "dead") {
    const words = view.error ? `${view.error.message}\n${view.error.code}` : (run?.error ?? t.common.unknown);
    return <Failure className="mt-5" title={status === "dead" ? t.chat.dead : t.chat.failed} error={words} />;
  }
  if (status === "cancelled" && view.cancelReason)
    return <p className="mt-5 text-sm text-ink-2">{t.chat.cancelledWhy(view.cancelReason)}</p>;
  return null;
}

function Data({ live: { view, run } }: { live: LiveRun }) {
  const input =
    run?.input ??
    view.messages
      .find(({ message }) => message.role === "user")
      ?.message.parts.map((part) => (part.type === "text" ? part.text : ""))
      .join("");
  const output = view.output ?? run?.output;
  return (
    <div className="space-y-5">
      <Datum name={t.runs.input}>
        {input == null ? (
          <p className="text-sm text-ink-3">{t.runs.forgotten}</p>
        ) : (
          <JsonView value={input} label={t.runs.input} />
        )}
      </Datum>
      <Datum name={t.runs.output}>
        {output == null ? (
          <p className="text-sm text-ink-3">{t.common.none}</p>
        ) : (
          <JsonView value={output} label={t.runs.output} />
        )}
      </Datum>
      {(view.usage ?? run?.usage) && (
        <Datum name={t.runs.tokens}>
          <JsonView value={view.usage ?? run?.usage} label={t.runs.tokens} />
        </Datum>
      )}
    </div>
  );
}

function Datum({ name, children }: { name: string; children: ReactNode }) {
  return (
    <section>
      <h2 className="mb-1.5 text-sm font-medium text-ink-2">{name}</h2>
      {children}
    </section>
  );
}
