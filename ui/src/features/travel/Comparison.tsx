/** A run beside the one that it repeats: the same, or the first step at which they differ. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Equal, GitCompare } from "lucide-react";
import { diffQuery } from "~/api/queries";
import { t } from "~/strings";
import { JsonView } from "~/ui/JsonView";
import { Failure } from "~/ui/States";

/** `rests`: there is nothing to compare before the run has come to rest. */
export function Comparison({ runId, of, rests }: { runId: string; of: string; rests: boolean }) {
  const { data, error } = useQuery({ ...diffQuery(of, runId), enabled: rests });
  const other = (
    <Link to="/runs/$run" params={{ run: of }} search={{}} className="font-mono text-xs text-accent-ink underline">
      {of}
    </Link>
  );
  if (error) return <Failure className="mt-5" error={error} />;
  const { divergence } = data ?? {};
  return (
    <section
      aria-label={t.replay.compared}
      className="mt-5 rounded-lg border border-line bg-surface px-3.5 py-3 text-sm"
    >
      <p className="flex flex-wrap items-center gap-2">
        {data?.same ? (
          <Equal aria-hidden size={15} className="text-ok" />
        ) : (
          <GitCompare aria-hidden size={15} className={divergence ? "text-warn" : "text-ink-3"} />
        )}
        <span>
          {!data
            ? t.replay.replayOf
            : data.same
              ? t.replay.same
              : divergence
                ? t.replay.differs(divergence.index)
                : t.replay.replayOf}
        </span>
        {other}
      </p>
      {divergence && (
        <div className="mt-3 space-y-3">
          <p className="text-xs text-ink-2">
            {t.replay.nodes} <code className="font-mono">{divergence.nodes.join(", ") || t.common.none}</code>
          </p>
          {divergence.differences.map(({ channel, a, b }) => (
            <div key={channel} className="grid grid-cols-2 gap-3 max-md:grid-cols-1">
              <JsonView value={a} label={`${channel}: ${t.replay.original}`} />
              <JsonView value={b} label={`${channel}: ${t.replay.replayed}`} />
            </div>
          ))}
        </div>
      )}
    </section>
  );
}
