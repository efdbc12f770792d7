/** The memories themselves: all of them by kind and shelf, or what fits a search, as of a day; one of them beside. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Brain, Pin } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { foundQuery, memoriesQuery } from "~/api/memory";
import { agentsQuery } from "~/api/queries";
import { type Memory, MEMORY_KINDS, SHELVES } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { Sheet } from "~/ui/Dialog";
import { FIELD } from "~/ui/question/Field";
import { Empty, Failure, Loading } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { useMedia } from "~/ui/useMedia";
import { dayEnd, type Place, shelfOf, standingOf } from "./lore";
import { KindBadge, placeOf, StandingBadge, TrustMark } from "./marks";
import { MemoryPanel } from "./MemoryPanel";
import { type MemoryView, without } from "./view";

interface Props {
  view: MemoryView;
  onChange: (part: Partial<MemoryView>) => void;
  onView: (view: MemoryView) => void;
}

export function Memories({ view, onChange, onView }: Props) {
  const [draft, setDraft] = useState(view.q ?? "");
  const [held, setHeld] = useState("");
  const [known, setKnown] = useState("");
  const [as, setAs] = useState("");
  const [gone, setGone] = useState(false);
  const words = (view.q ?? "").trim();
  useEffect(() => setDraft((now) => (now.trim() === words ? now : words)), [words]);
  useEffect(() => {
    const next = draft.trim();
    if (next === words) return undefined;
    const timer = setTimeout(() => onView({ ...without(view, "q"), ...(next ? { q: next } : {}) }), 200);
    return () => clearTimeout(timer);
  }, [draft, words, view, onView]);
  const choose = (id: string) => onChange({ id });
  return (
    <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,1fr)_25rem]">
      <div className="min-w-0">
        <div className="mb-4 flex flex-wrap items-center gap-2">
          <input
            type="search"
            data-search
            aria-label={t.memory.search}
            placeholder={t.memory.search}
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            className={`${FIELD} w-auto! min-w-48 flex-1`}
          />
          {words ? (
            <AsSeenBy value={as} onChange={setAs} />
          ) : (
            <>
              <Choice
                label={t.memory.filterKind}
                value={view.kind ?? ""}
                options={MEMORY_KINDS.map((kind) => [kind, t.memory.kinds[kind]])}
                onChange={(kind) => onView({ ...without(view, "kind"), ...(kind ? { kind } : {}) })}
              />
              <Choice
                label={t.memory.filterShelf}
                value={view.of ?? ""}
                options={SHELVES.map((of) => [of, t.memory.shelf[of]])}
                onChange={(of) => onView({ ...without(view, "of"), ...(of ? { of } : {}) })}
              />
            </>
          )}
        </div>
        {words ? (
          <>
            <Dates held={held} known={known} onHeld={setHeld} onKnown={setKnown} />
            <Found view={view} words={words} as={as} held={held} known={known} onChoose={choose} />
          </>
        ) : (
          <Listed view={view} gone={gone} onGone={setGone} onChoose={choose} />
        )}
      </div>
      <Beside view={view} onView={onView} />
    </div>
  );
}

/** The chosen one: beside the list, or on a small screen over it. */
function Beside({ view, onView }: Pick<Props, "view" | "onView">) {
  const wide = useMedia("(min-width: 1024px)");
  const close = () => onView(without(view, "id"));
  const panel = view.id && <MemoryPanel key={view.id} id={view.id} onGone={close} />;
  if (!wide) {
    return (
      <Sheet side="right" open={Boolean(view.id)} onOpenChange={(open) => !open && close()} title={t.memory.title}>
        <div className="min-h-0 flex-1 overflow-y-auto p-4 pr-12">{panel}</div>
      </Sheet>
    );
  }
  return (
    <section aria-label={t.memory.pick} className="sticky top-0 rounded-lg border border-line bg-surface p-4">
      {panel || <p className="text-sm text-ink-2">{t.memory.pick}</p>}
    </section>
  );
}

function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T | "";
  options: readonly (readonly [T, string])[];
  onChange: (value: T | "") => void;
}) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value as T | "")}
      className={`${FIELD} w-auto! max-w-44`}
    >
      <option value="">{`${label}: ${t.memory.all.toLowerCase()}`}</option>
      {options.map(([name, words]) => (
        <option key={name} value={name}>
          {words}
        </option>
      ))}
    </select>
  );
}

/** An agent finds what it keeps for itself too. */
function AsSeenBy({ value, onChange }: { value: string; onChange: (agent: string) => void }) {
  const agents = useQuery(agentsQuery).data?.filter(({ memory }) => memory) ?? [];
  return (
    <select
      aria-label={t.memory.as}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className={`${FIELD} w-auto! max-w-56`}
    >
      <option value="">{`${t.memory.as}: ${t.memory.asAll}`}</option>
      {agents.map(({ name }) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

interface DatesProps {
  held: string;
  known: string;
  onHeld: (day: string) => void;
  onKnown: (day: string) => void;
}

function Dates({ held, known, onHeld, onKnown }: DatesProps) {
  const field = (label: string, value: string, onChange: (day: string) => void) => (
    <label className="flex items-center gap-2 text-xs text-ink-2">
      {label}
      <input
        type="date"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className={`${FIELD} w-auto! py-1! text-xs!`}
      />
    </label>
  );
  return (
    <div role="group" aria-label={t.memory.dates} className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
      {field(t.memory.heldOn, held, onHeld)}
      {field(t.memory.knownOn, known, onKnown)}
      {(held || known) && (
        <Button
          small
          look="quiet"
          onClick={() => {
            onHeld("");
            onKnown("");
          }}
        >
          {t.memory.clearDates}
        </Button>
      )}
    </div>
  );
}

interface FoundProps {
  view: MemoryView;
  words: string;
  as: string;
  held: string;
  known: string;
  onChoose: (id: string) => void;
}

function Found({ view, words, as, held, known, onChoose }: FoundProps) {
  const { data, error, refetch } = useQuery(
    foundQuery({
      q: words,
      ...(view.user ? { user: view.user } : {}),
      ...(as ? { agent: as } : {}),
      as_of: dayEnd(held),
      known_at: dayEnd(known),
    }),
  );
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <>
      <p role="status" className="mb-2 text-xs text-ink-3">
        {data.length > 0 && t.memory.found(data.length)}
      </p>
      {data.length === 0 && <Empty title={t.memory.noneFound(words)} />}
      <List>
        {data.map(({ memory, score }) => (
          <Row
            key={`${memory.id} ${memory.version}`}
            memory={memory}
            chosen={memory.id === view.id}
            onChoose={onChoose}
            at={dayEnd(held)}
            right={<Score score={score} />}
          />
        ))}
      </List>
    </>
  );
}

function Score({ score }: { score: number }) {
  const words = score.toFixed(2);
  return (
    <span className="flex w-20 shrink-0 items-center gap-2" title={t.memory.score(words)}>
      <span aria-hidden className="h-1.5 min-w-0 flex-1 overflow-hidden rounded-full bg-sunken">
        <span className="block h-full rounded-full bg-bar-model" style={{ width: `${Math.round(score * 100)}%` }} />
      </span>
      <span className="tnum text-xs text-ink-2">{words}</span>
    </span>
  );
}

interface ListedProps {
  view: MemoryView;
  gone: boolean;
  onGone: (gone: boolean) => void;
  onChoose: (id: string) => void;
}

function Listed({ view, gone, onGone, onChoose }: ListedProps) {
  const query = useInfiniteQuery(memoriesQuery(view.kind, view.user));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  // A shelf is looked for in all that there is.
  useEffect(() => {
    if (view.of && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [view.of, hasNextPage, isFetchingNextPage, fetchNextPage]);
  const all = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const now = Date.now() / 1000;
  const onShelf = view.of ? all.filter((kept) => shelfOf(kept) === view.of) : all;
  const alive = onShelf.filter(({ memory }) => ["holds", "later"].includes(standingOf(memory, now)));
  const shown = gone ? onShelf : alive;
  if (query.isPending) return <Loading />;
  if (query.error && !query.data) {
    return <Failure title={t.errors.load(t.memory.title)} error={query.error} onRetry={() => void query.refetch()} />;
  }
  return (
    <>
      {shown.length === 0 &&
        !isFetchingNextPage &&
        (view.kind || view.of || onShelf.length > 0 ? (
          <Empty title={t.memory.emptyFilter} />
        ) : (
          <Empty icon={<Brain size={24} />} title={t.memory.empty} detail={t.memory.emptyDetail} />
        ))}
      <List>
        {shown.map((kept) => (
          <Row
            key={kept.memory.id}
            memory={kept.memory}
            place={kept}
            chosen={kept.memory.id === view.id}
            onChoose={onChoose}
            right={<TimeAgo at={kept.memory.known_from} className="shrink-0 text-xs text-ink-3" />}
          />
        ))}
      </List>
      <div className="mt-3 flex items-center gap-4">
        {onShelf.length > alive.length && (
          <label className="flex items-center gap-2 text-xs text-ink-2">
            <input
              type="checkbox"
              checked={gone}
              onChange={(event) => onGone(event.target.checked)}
              className="size-4 accent-[var(--accent)]"
            />
            {t.memory.showForgotten} ({onShelf.length - alive.length})
          </label>
        )}
        {hasNextPage && (
          <Button className="ml-auto" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {isFetchingNextPage ? t.common.loading : t.common.loadMore}
          </Button>
        )}
      </div>
    </>
  );
}

function List({ children }: { children: ReactNode[] }) {
  if (children.length === 0) return null;
  return (
    <ul aria-label={t.memory.tab.memories} className="divide-y divide-line border-y border-line">
      {children}
    </ul>
  );
}

interface RowProps {
  memory: Memory;
  place?: Place;
  chosen: boolean;
  onChoose: (id: string) => void;
  right: ReactNode;
  /** The moment that is looked at, in seconds since the epoch; now. */
  at?: number | undefined;
}

function Row({ memory, place, chosen, onChoose, right, at }: RowProps) {
  const standing = standingOf(memory, at ?? Date.now() / 1000);
  const faint = standing === "forgotten" || standing === "ended";
  return (
    <li data-memory={memory.id}>
      <button
        type="button"
        aria-pressed={chosen}
        onClick={() => onChoose(memory.id)}
        className={cx("block w-full px-3 py-2.5 text-left hover:bg-hover", chosen && "bg-active")}
      >
        <span className="flex items-start gap-3">
          <span className={cx("line-clamp-2 min-w-0 flex-1 break-words", faint && "text-ink-3 line-through")}>
            {memory.text}
          </span>
          {right}
        </span>
        <span className="mt-1.5 flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-ink-3">
          <KindBadge kind={memory.kind} />
          <TrustMark trust={memory.trust} />
          <StandingBadge standing={standing} />
          {memory.pinned && (
            <span className="inline-flex items-center gap-1 text-accent-ink">
              <Pin aria-hidden size={12} /> {t.memory.pinned}
            </span>
          )}
          {place && <span className="min-w-0 truncate">{placeOf(place)}</span>}
        </span>
      </button>
    </li>
  );
}
