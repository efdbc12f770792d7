/** The work on memories beside the runs: what waits, how far it is, what failed and why. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Sparkles } from "lucide-react";
import { choresQuery, memoryApi } from "~/api/memory";
import type { Chore } from "~/api/types";
import { t } from "~/strings";
import { Badge, type Tone } from "~/ui/Badge";
import { Button } from "~/ui/Button";
import { moment } from "~/ui/format";
import { Empty, Failure, Loading } from "~/ui/States";
import { useMemoryAction } from "./useMemoryAction";
import { LOCAL } from "./view";

const TONES: Record<Chore["status"], Tone> = { waiting: "plain", working: "accent", done: "ok", failed: "bad" };

export function Chores({ user = LOCAL }: { user: string | undefined }) {
  const { busy, act } = useMemoryAction();
  const { data, error, refetch } = useQuery(choresQuery);
  const of = (...statuses: Chore["status"][]) => data?.filter(({ status }) => statuses.includes(status)).length ?? 0;
  return (
    <>
      <div className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <p className="text-sm text-ink-2">
          {t.work.lead} {data && data.length > 0 && t.work.summary(of("waiting", "working"), of("failed"))}
        </p>
        <Button
          disabled={busy}
          onClick={() => void act(() => memoryApi.addChore({ kind: "tidy", user }), t.work.tidied)}
        >
          <Sparkles aria-hidden size={14} /> {t.work.tidy}
        </Button>
      </div>
      {error && !data ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : data.length === 0 ? (
        <Empty title={t.work.empty} />
      ) : (
        <ul aria-label={t.memory.tab.work} className="divide-y divide-line border-y border-line">
          {data.map((chore) => (
            <Row key={chore.n} chore={chore} />
          ))}
        </ul>
      )}
    </>
  );
}

function Row({ chore }: { chore: Chore }) {
  const { status, done, total } = chore;
  const later = status === "waiting" && chore.due_at > Date.now() / 1000;
  return (
    <li data-chore={chore.kind} data-status={status} className="px-3 py-2.5 text-sm">
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Badge tone={TONES[status]}>{t.work.status[status]}</Badge>
        <span className="font-medium">{t.work.kind[chore.kind]}</span>
        <span className="min-w-0 truncate text-ink-2">
          {[chore.agent, chore.user].filter(Boolean).join(" · ") || t.memory.everybody}
        </span>
        {chore.of.startsWith("run_") && (
          <Link
            to="/runs/$run"
            params={{ run: chore.of }}
            search={{}}
            className="text-xs text-ink-2 underline decoration-line-strong underline-offset-3 hover:text-ink"
          >
            {t.work.run}
          </Link>
        )}
        <span className="tnum ml-auto text-xs text-ink-3">
          {later ? t.work.due(moment(chore.due_at)) : chore.tries > 1 ? t.work.tries(chore.tries) : ""}
        </span>
      </p>
      {status === "working" && total > 0 && <Progress done={done} total={total} />}
      {chore.error && <p className="mt-1.5 text-xs break-words text-bad">{chore.error}</p>}
    </li>
  );
}

function Progress({ done, total }: { done: number; total: number }) {
  return (
    <p className="mt-2 flex items-center gap-3 text-xs text-ink-3">
      <span
        role="progressbar"
        aria-label={t.work.progress(done, total)}
        aria-valuenow={done}
        aria-valuemin={0}
        aria-valuemax={total}
        className="h-1.5 w-48 overflow-hidden rounded-full bg-sunken"
      >
        <span className="block h-full rounded-full bg-accent" style={{ width: `${(100 * done) / total}%` }} />
      </span>
      <span className="tnum">{t.work.progress(done, total)}</span>
    </p>
  );
}
