/** Every tool call that a policy judged, newest first, by tool and decision; and whether all is as it was written. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ScrollText } from "lucide-react";
import { useState } from "react";
import { auditQuery } from "~/api/queries";
import { type Decision, DECISIONS, type Use } from "~/api/types";
import { t } from "~/strings";
import { Badge, type Tone } from "~/ui/Badge";
import { Button } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { duration } from "~/ui/format";
import { Page } from "~/ui/Page";
import { FIELD } from "~/ui/question/Field";
import { Empty, Failure, Loading } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { Verification } from "./Verification";

const TONES: Record<string, Tone> = { allow: "ok", ask: "warn", deny: "bad" };
const COLUMNS =
  "grid grid-cols-[5.5rem_6rem_minmax(0,1fr)_7rem_minmax(0,1.2fr)_minmax(0,1fr)] items-center gap-4 max-md:grid-cols-[minmax(0,1fr)_auto] max-md:gap-x-3 max-md:gap-y-0.5";

interface Filter {
  tool?: string;
  decision?: Decision;
}

export function AuditPage({ tool, decision, onFilter }: Filter & { onFilter: (filter: Filter) => void }) {
  const query = useInfiniteQuery(auditQuery(tool, decision));
  const uses = query.data?.pages.flatMap((page) => page.items) ?? [];
  const chip = (name: Decision | undefined, label: string) => (
    <button
      key={name ?? "all"}
      type="button"
      aria-pressed={decision === name}
      onClick={() => onFilter({ ...(tool ? { tool } : {}), ...(name ? { decision: name } : {}) })}
      className={cx(
        "flex h-7 items-center rounded-full border px-2.5 text-xs whitespace-nowrap transition-colors max-md:h-9 max-md:px-3",
        decision === name
          ? "border-accent-line bg-accent-soft font-medium text-accent-ink"
          : "border-line text-ink-2 hover:border-line-strong hover:text-ink",
      )}
    >
      {label}
    </button>
  );
  return (
    <Page title={t.audit.title} lead={t.audit.lead}>
      <Verification />
      <div className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-2">
        <div role="group" aria-label={t.audit.filter} className="flex gap-1.5">
          {chip(undefined, t.audit.all)}
          {DECISIONS.map((name) => chip(name, t.audit.decided[name]!))}
        </div>
        <input
          type="search"
          data-search
          aria-label={t.audit.byTool}
          placeholder={t.audit.byTool}
          defaultValue={tool ?? ""}
          onChange={(event) => {
            const next = event.target.value.trim();
            onFilter({ ...(next ? { tool: next } : {}), ...(decision ? { decision } : {}) });
          }}
          className={`${FIELD} w-48!`}
        />
      </div>
      {query.isPending && <Loading />}
      {query.error && !query.data && (
        <Failure title={t.errors.load(t.audit.title)} error={query.error} onRetry={() => void query.refetch()} />
      )}
      {query.data &&
        uses.length === 0 &&
        (tool || decision ? (
          <Empty title={t.audit.emptyFilter} />
        ) : (
          <Empty icon={<ScrollText size={24} />} title={t.audit.empty} detail={t.audit.emptyDetail} />
        ))}
      {uses.length > 0 && <Table uses={uses} />}
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

function Table({ uses }: { uses: Use[] }) {
  return (
    <div>
      <div
        aria-hidden
        className={`${COLUMNS} border-b border-line px-3 pb-2 text-xs font-medium text-ink-3 max-md:hidden`}
      >
        <span>{t.audit.at}</span>
        <span>{t.audit.decision}</span>
        <span>{t.audit.tool}</span>
        <span>{t.audit.who}</span>
        <span>{t.audit.rule}</span>
        <span>{t.audit.influence}</span>
      </div>
      <ul aria-label={t.audit.title}>
        {uses.map((use) => (
          <li key={`${use.run_id}:${use.call_id}:${use.at}`} data-use={use.tool}>
            <Row use={use} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Row({ use }: { use: Use }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="border-b border-line">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className={`${COLUMNS} w-full px-3 py-2 text-left text-sm hover:bg-hover`}
      >
        <span className="text-ink-2 max-md:order-3 max-md:text-xs">
          <TimeAgo at={use.at} />
        </span>
        <span className="max-md:order-2">
          <Badge tone={TONES[use.decision] ?? "plain"}>
            {use.answer || (t.audit.decided[use.decision] ?? use.decision)}
          </Badge>
        </span>
        <span className="min-w-0 truncate font-medium max-md:order-1">{use.tool || use.rule}</span>
        <span className="min-w-0 truncate text-ink-2 max-md:order-4 max-md:text-xs">{use.user_id}</span>
        <span className="min-w-0 truncate text-ink-2 max-md:hidden">{use.rule}</span>
        <span className="min-w-0 truncate text-ink-2 max-md:hidden">{use.sources.join(", ") || t.common.none}</span>
      </button>
      {open && <Details use={use} />}
    </div>
  );
}

function Details({ use }: { use: Use }) {
  const rows: [string, string][] = [
    [t.audit.rule, use.rule],
    [t.audit.influence, use.sources.join(", ") || t.common.none],
    [t.audit.arguments, use.arguments_sha256],
    [t.audit.result, use.result_sha256 ?? t.audit.notCalled],
    [t.runs.duration, duration(use.duration / 1000)],
  ];
  return (
    <div className="px-3 pb-3 text-sm">
      <dl className="grid grid-cols-[9rem_minmax(0,1fr)] gap-x-4 gap-y-1 max-md:grid-cols-1">
        {rows.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-ink-3">{name}</dt>
            <dd className="font-mono text-xs leading-5 break-all">{value}</dd>
          </div>
        ))}
      </dl>
      {use.agent && (
        <Link
          to="/runs/$run"
          params={{ run: use.run_id }}
          search={{}}
          className="mt-2 inline-block text-accent-ink underline underline-offset-2"
        >
          {t.audit.openRun}
        </Link>
      )}
    </div>
  );
}
