/** The first page: what this is in three lines, who is there to talk to, and what waits for a person. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight, CirclePause } from "lucide-react";
import type { ReactNode } from "react";
import { agentsQuery, runsQuery, inboxQuery } from "~/api/queries";
import { restOf } from "~/run/standing";
import { t } from "~/strings";
import { DemoMark, StatusDot } from "~/ui/Badge";
import { chooseAgent } from "~/ui/prefs";
import { payloadOf } from "~/ui/question/answers";
import { TimeAgo } from "~/ui/TimeAgo";

export function HomePage({ start }: { start: ReactNode }) {
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto w-full max-w-[46rem] px-5 pt-[clamp(2.5rem,12vh,8rem)] pb-16 max-md:px-4">
        <h1 className="mb-6 text-2xl font-semibold tracking-tight">{t.home.title}</h1>
        {start}
        <Waiting />
        <ol className="mt-12 space-y-3">
          {t.home.lines.map(([head, rest], at) => (
            <li key={head} className="flex gap-3 text-ink-2">
              <span
                aria-hidden
                className="tnum mt-px w-4 shrink-0 font-mono text-xs leading-[1.375rem] text-accent-ink"
              >
                {at + 1}
              </span>
              <p>
                <strong className="font-semibold text-ink">{head}</strong> {rest}
              </p>
            </li>
          ))}
        </ol>
        <Agents />
        <Recent />
      </div>
    </div>
  );
}

function Heading({ children }: { children: ReactNode }) {
  return <h2 className="mt-12 mb-2.5 text-xs font-medium text-ink-3">{children}</h2>;
}

/** So many questions stand on the first page; the inbox has all. */
const MOST = 5;

function Waiting() {
  const { data } = useInfiniteQuery(inboxQuery);
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  if (items.length === 0) return null;
  return (
    <section aria-label={t.home.waiting}>
      <Heading>{t.home.waiting}</Heading>
      <ul className="overflow-hidden rounded-lg border border-warn-line bg-warn-soft">
        {items.slice(0, MOST).map((item) => (
          <li key={`${item.run_id} ${item.id}`} className="border-b border-warn-line">
            <Link
              to="/chat/$thread"
              params={{ thread: item.thread_id }}
              className="flex items-center gap-2.5 px-3.5 py-2.5 text-sm hover:bg-hover"
            >
              <CirclePause aria-hidden size={15} className="shrink-0 text-warn" />
              <span className="shrink-0 font-medium">{item.target}</span>
              {item.tool && <code className="shrink-0 font-mono text-xs">{item.tool}</code>}
              <span className="min-w-0 truncate text-ink-2">{payloadOf(item.payload).text ?? item.thread_title}</span>
              <TimeAgo at={item.created_at} className="ml-auto shrink-0 text-ink-2" />
            </Link>
          </li>
        ))}
        <li>
          <Link
            to="/inbox"
            className="flex items-center gap-2.5 px-3.5 py-2.5 text-sm font-medium text-warn hover:bg-hover"
          >
            {t.home.inbox(items.length)} <ArrowRight aria-hidden size={14} className="ml-auto" />
          </Link>
        </li>
      </ul>
    </section>
  );
}

function Agents() {
  const { data } = useQuery(agentsQuery);
  if (!data || data.length === 0) return null;
  return (
    <section aria-label={t.home.agents}>
      <Heading>{t.home.agents}</Heading>
      <ul className="grid grid-cols-2 gap-2.5 max-md:grid-cols-1">
        {data.map((agent) => (
          <li key={agent.name}>
            <Link
              to="/chat"
              onClick={() => chooseAgent(agent.name)}
              className="group flex h-full flex-col rounded-lg border border-line bg-surface px-4 py-3 shadow-1 transition-colors hover:border-line-strong"
            >
              <span className="flex items-center gap-2 font-medium">
                <span className="truncate">{agent.name}</span>
                {agent.demo && <DemoMark />}
                <ArrowRight
                  aria-hidden
                  size={14}
                  className="ml-auto shrink-0 -translate-x-1 text-ink-3 opacity-0 transition group-hover:translate-x-0 group-hover:opacity-100 group-focus-visible:opacity-100"
                />
              </span>
              <span className="mt-0.5 line-clamp-2 text-sm text-ink-2">{agent.description || agent.model}</span>
              <span className="mt-auto pt-2 text-xs text-ink-3">
                {agent.tools.length > 0 ? t.agent.tools(agent.tools.length) : t.agent.noTools}
                {agent.output_schema && ` · ${t.agent.structured}`}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Recent() {
  const { data } = useInfiniteQuery(runsQuery(undefined));
  const runs = data?.pages[0]?.items.slice(0, 5) ?? [];
  if (runs.length === 0) return null;
  return (
    <section aria-label={t.home.recent}>
      <Heading>{t.home.recent}</Heading>
      <ul>
        {runs.map((run) => (
          <li key={run.id} className="border-b border-line last:border-b-0">
            <Link
              to="/runs/$run"
              params={{ run: run.id }}
              search={{}}
              className="flex items-center gap-2.5 rounded-sm px-1 py-2 text-sm hover:bg-hover"
            >
              <StatusDot status={run.status} />
              <span>{run.target}</span>
              <span className="text-ink-3">
                {run.status === "paused" ? t.rests[restOf(run)] : t.status[run.status]}
              </span>
              <TimeAgo at={run.created_at} className="ml-auto text-ink-3" />
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
