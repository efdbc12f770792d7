/** What of a thread the model sees at its next call, and how big each part of it is. */
import { useQuery } from "@tanstack/react-query";
import { CornerDownRight } from "lucide-react";
import { useMemo, useState } from "react";
import { contextQuery } from "~/api/queries";
import type { ContextItem } from "~/api/types";
import { t } from "~/strings";
import { IconButton } from "~/ui/Button";
import { short } from "~/ui/format";
import { Empty, Failure, Loading } from "~/ui/States";

interface Share {
  source: string;
  tokens: number;
  dye: number;
}

export function ContextPanel({ threadId, onGoTo }: { threadId: string; onGoTo: (seq: number) => void }) {
  const { data, error, isPending, refetch } = useQuery({ ...contextQuery(threadId), refetchInterval: 10_000 });
  const shares = useMemo(() => bySource(data?.items ?? []), [data]);
  return (
    <section aria-label={t.context.title} className="flex min-h-0 flex-1 flex-col">
      <header className="shrink-0 border-b border-line px-4 pt-4 pb-3 max-[1199px]:pr-12">
        <h2 className="font-semibold">{t.context.title}</h2>
        <p className="text-xs text-ink-3">{t.context.lead}</p>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto p-4" tabIndex={0} role="region" aria-label={t.context.title}>
        {isPending && <Loading />}
        {error && !data && <Failure error={error} onRetry={() => void refetch()} />}
        {data && data.items.length === 0 && <Empty title={t.context.empty} />}
        {data && data.items.length > 0 && (
          <>
            <p className="flex items-baseline gap-2">
              <span className="tnum text-xl font-semibold tracking-tight">{t.context.tokens(short(data.tokens))}</span>
              {data.start_seq > 1 && <span className="text-xs text-ink-3">{t.context.startsAt(data.start_seq)}</span>}
            </p>
            <Bar shares={shares} />
            {data.summary && (
              <div className="mt-4 rounded-md border border-line bg-surface px-3 py-2">
                <h3 className="text-xs font-medium">{t.context.summary}</h3>
                <p className="mt-1 text-xs break-words whitespace-pre-wrap text-ink-2">{data.summary}</p>
              </div>
            )}
            <ol className="mt-4 space-y-1.5">
              {data.items.map((item, at) => (
                <Item
                  key={at}
                  item={item}
                  dye={shares.find(({ source }) => source === item.source)?.dye ?? 0}
                  onGoTo={onGoTo}
                />
              ))}
            </ol>
          </>
        )}
      </div>
    </section>
  );
}

function Bar({ shares }: { shares: Share[] }) {
  const all = Math.max(
    1,
    shares.reduce((sum, { tokens }) => sum + tokens, 0),
  );
  return (
    <>
      <div aria-hidden className="mt-3 flex h-2 gap-0.5 overflow-hidden rounded-full">
        {shares.map(({ source, tokens, dye }) => (
          <span
            key={source}
            className="dye-bar min-w-0.5"
            data-dye={dye}
            style={{ flexGrow: tokens / all, flexBasis: 0 }}
          />
        ))}
      </div>
      <ul aria-label={t.context.sources} className="mt-3 space-y-1">
        {shares.map(({ source, tokens, dye }) => (
          <li key={source} className="flex items-center gap-2 text-xs">
            <span aria-hidden className="dye-bar size-2 rounded-full" data-dye={dye} />
            <span>{nameOf(source)}</span>
            <span className="tnum ml-auto text-ink-2">{short(tokens)}</span>
            <span className="tnum w-10 text-right text-ink-3">{Math.round((tokens / all) * 100)} %</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Item({ item, dye, onGoTo }: { item: ContextItem; dye: number; onGoTo: (seq: number) => void }) {
  const [open, setOpen] = useState(false);
  const { seq } = item;
  return (
    <li className="relative overflow-hidden rounded-md border border-line bg-surface">
      <span aria-hidden className="dye-bar absolute inset-y-0 left-0 w-0.5" data-dye={dye} />
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="w-full px-3 py-2 text-left hover:bg-hover"
      >
        <span className="flex items-center gap-2 text-xs">
          <span className="font-medium">{nameOf(item.source)}</span>
          {item.role && <span className="text-ink-3">{item.role}</span>}
          <span className={`tnum ml-auto text-ink-3 ${seq !== null ? "mr-7" : ""}`}>{short(item.tokens)}</span>
        </span>
        <span className={`mt-1 text-xs break-words whitespace-pre-wrap text-ink-2 ${open ? "block" : "line-clamp-2"}`}>
          {open ? item.text : item.text.slice(0, 300)}
        </span>
      </button>
      {seq !== null && (
        <IconButton
          small
          label={t.context.goTo(seq)}
          className="absolute! top-1 right-1 size-6!"
          onClick={() => onGoTo(seq)}
        >
          <CornerDownRight size={13} />
        </IconButton>
      )}
    </li>
  );
}

function nameOf(source: string): string {
  return t.context.source[source] ?? source;
}

function bySource(items: readonly ContextItem[]): Share[] {
  const sums = new Map<string, number>();
  for (const { source, tokens } of items) sums.set(source, (sums.get(source) ?? 0) + tokens);
  return [...sums].map(([source, tokens], at) => ({ source, tokens, dye: at % 6 }));
}
