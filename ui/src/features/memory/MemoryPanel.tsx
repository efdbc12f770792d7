/** One memory: what it says, whose word it is, when it holds, where it came from, what it was; and what can be done to it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { EyeOff, MessageSquare, Pencil, Pin, PinOff, RotateCcw, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { memoryApi, storyQuery } from "~/api/memory";
import type { Memory, MemoryStory, Source } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { CopyButton } from "~/ui/CopyButton";
import { Confirm } from "~/ui/Dialog";
import { moment, oneLine } from "~/ui/format";
import { Failure, Loading } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { type Changing, changesOf, standingOf } from "./lore";
import { KindBadge, placeOf, StandingBadge, TrustExplained } from "./marks";
import { EditMemory } from "./MemoryDialog";
import { useMemoryAction } from "./useMemoryAction";

export function MemoryPanel({ id, onGone }: { id: string; onGone: () => void }) {
  const { data, error, refetch } = useQuery(storyQuery(id));
  if (error && !data) return <Failure error={error} onRetry={() => void refetch()} />;
  const memory = data?.versions.at(-1);
  if (!data || !memory) return <Loading />;
  const standing = standingOf(memory, Date.now() / 1000);
  return (
    <article data-story={memory.id} className="space-y-5">
      <header>
        <div className="mb-2 flex flex-wrap items-center gap-1.5">
          <KindBadge kind={memory.kind} />
          <TrustExplained trust={memory.trust} />
          <StandingBadge standing={standing} />
        </div>
        <h2 className="text-md leading-snug font-medium break-words whitespace-pre-wrap">{memory.text}</h2>
      </header>
      <Facts memory={memory} story={data} />
      <Actions memory={memory} story={data} onGone={onGone} />
      <Sources sources={data.sources} />
      <History versions={data.versions} />
    </article>
  );
}

function Facts({ memory, story }: { memory: Memory; story: MemoryStory }) {
  const rows: [string, ReactNode][] = [
    [t.memory.whose, placeOf(story)],
    ...(memory.subject
      ? [[t.memory.about, [memory.subject, memory.attribute].filter(Boolean).join(" · ")] as [string, string]]
      : []),
    [
      t.memory.holds,
      memory.valid_to === null
        ? t.memory.since(moment(memory.valid_from))
        : t.memory.span(moment(memory.valid_from), moment(memory.valid_to)),
    ],
    ...(memory.expires_at !== null ? [[t.memory.expires, moment(memory.expires_at)] as [string, string]] : []),
    [t.memory.known, <TimeAgo key="known" at={story.versions[0]?.known_from ?? memory.known_from} />],
    [t.memory.importance, `${Math.round(memory.importance * 100)} %`],
    ...(memory.embedder ? [[t.memory.meaning, memory.embedder] as [string, string]] : []),
  ];
  return (
    <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-3">{name}</dt>
          <dd className="break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Actions({ memory, story, onGone }: { memory: Memory; story: MemoryStory; onGone: () => void }) {
  const { busy, act } = useMemoryAction();
  const [open, setOpen] = useState<"edit" | "erase" | null>(null);
  const forgotten = memory.expires_at !== null && memory.expires_at <= Date.now() / 1000;
  const why =
    memory.kind === "proposed"
      ? t.memory.isProposed
      : memory.kind === "profile"
        ? t.memory.ofProfile
        : story.user === null
          ? t.memory.everybodys
          : null;
  const change = (body: Parameters<typeof memoryApi.change>[1], said: string) =>
    void act(() => memoryApi.change(memory.id, body), said);
  return (
    <div>
      <div className="flex flex-wrap gap-1.5">
        {why === null && (
          <>
            <Button small onClick={() => setOpen("edit")}>
              <Pencil aria-hidden size={13} /> {t.memory.edit}
            </Button>
            <Button
              small
              disabled={busy}
              onClick={() =>
                change({ pinned: !memory.pinned }, memory.pinned ? t.memory.notPinned : t.memory.nowPinned)
              }
            >
              {memory.pinned ? <PinOff aria-hidden size={13} /> : <Pin aria-hidden size={13} />}
              {memory.pinned ? t.memory.unpin : t.memory.pin}
            </Button>
            <Button
              small
              disabled={busy}
              onClick={() =>
                forgotten
                  ? change({ expires_at: null }, t.memory.remembered)
                  : change({ expires_at: Date.now() / 1000 }, t.memory.forgotten)
              }
            >
              {forgotten ? <RotateCcw aria-hidden size={13} /> : <EyeOff aria-hidden size={13} />}
              {forgotten ? t.memory.remember : t.memory.forget}
            </Button>
          </>
        )}
        <Button small look="danger" onClick={() => setOpen("erase")}>
          <Trash2 aria-hidden size={13} /> {t.memory.erase}
        </Button>
      </div>
      {why && <p className="mt-2 text-xs text-ink-3">{why}</p>}
      <EditMemory memory={memory} open={open === "edit"} onOpenChange={(now) => setOpen(now ? "edit" : null)} />
      <Confirm
        open={open === "erase"}
        onOpenChange={(now) => setOpen(now ? "erase" : null)}
        title={t.memory.eraseTitle}
        detail={t.memory.eraseDetail(oneLine(memory.text, 90), story.versions.length, story.sources.length)}
        action={t.memory.eraseNow}
        onConfirm={async () => {
          await memoryApi.erase(memory.id);
          onGone();
          await act(() => Promise.resolve(), t.memory.erased, true);
        }}
      />
    </div>
  );
}

const LINK = "underline decoration-line-strong underline-offset-3 hover:text-ink";

function Sources({ sources }: { sources: readonly Source[] }) {
  return (
    <section aria-label={t.memory.sources}>
      <h3 className="mb-1.5 text-xs font-medium text-ink-3">{t.memory.sources}</h3>
      {sources.length === 0 && <p className="text-sm text-ink-2">{t.memory.noSources}</p>}
      <ul className="space-y-1.5">
        {sources.map((source, at) => (
          <li key={at} className="flex flex-wrap items-baseline gap-x-2.5 text-sm text-ink-2">
            <MessageSquare aria-hidden size={13} className="shrink-0 self-center text-ink-3" />
            {source.thread && (
              <Link
                to="/chat/$thread"
                params={{ thread: source.thread }}
                search={source.message ? { at: source.message } : {}}
                className={LINK}
              >
                {source.message ? t.memory.source.message(source.message) : t.memory.source.thread}
              </Link>
            )}
            {source.run && (
              <Link to="/runs/$run" params={{ run: source.run }} search={{}} className={LINK}>
                {t.memory.source.run}
              </Link>
            )}
            {source.at ? <TimeAgo at={source.at} className="ml-auto text-xs text-ink-3" /> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function History({ versions }: { versions: readonly Memory[] }) {
  const newest = versions.at(-1);
  return (
    <section aria-label={t.memory.history}>
      <h3 className="mb-1.5 text-xs font-medium text-ink-3">{t.memory.history}</h3>
      <ol className="space-y-2.5">
        {versions.toReversed().map((version, at, all) => {
          const before = all[at + 1];
          return (
            <li key={version.version} className="border-l-2 border-line pl-3 text-sm">
              <p className="flex flex-wrap items-baseline gap-x-2 text-xs text-ink-3">
                <span className="font-medium text-ink-2">{t.memory.version(version.version)}</span>
                <span>
                  {t.memory.span(
                    moment(version.known_from),
                    version.known_to === null ? t.memory.now : moment(version.known_to),
                  )}
                </span>
              </p>
              {before ? (
                changesOf(before, version).map((name) => (
                  <p key={name} className="mt-0.5 break-words">
                    <span className="text-ink-3">{t.memory.changed[name]}:</span>{" "}
                    <del className="text-ink-3">{said(before, name)}</del> → {said(version, name)}
                  </p>
                ))
              ) : (
                <p className="mt-0.5 break-words">
                  <span className="text-ink-3">{t.memory.first}:</span> {version.text}
                </p>
              )}
            </li>
          );
        })}
      </ol>
      {newest && (
        <p className="mt-3 flex items-center gap-1 text-2xs text-ink-3">
          <span className="truncate font-mono">{newest.id}</span>
          <CopyButton text={newest.id} />
        </p>
      )}
    </section>
  );
}

function said(memory: Memory, name: Changing): string {
  switch (name) {
    case "kind":
      return t.memory.kind[memory.kind];
    case "pinned":
      return memory.pinned ? t.memory.yes : t.memory.no;
    case "importance":
      return `${Math.round(memory.importance * 100)} %`;
    case "valid_to":
    case "expires_at": {
      const at = memory[name];
      return at === null ? t.memory.never : moment(at);
    }
    default:
      return memory.text;
  }
}
