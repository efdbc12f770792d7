/** What came to an agent's mind before it answered, and what it was given to cite: quiet lines that open. */
import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { BookOpen, Brain, ChevronRight, type LucideIcon } from "lucide-react";
import { type ReactNode, useState } from "react";
import { storyQuery } from "~/api/memory";
import type { Cited } from "~/api/types";
import type { Told } from "~/run/told";
import { t } from "~/strings";
import { cx } from "~/ui/cx";

interface Props {
  told: Told;
  onCite: (source: Cited) => void;
}

export function ToldLines({ told, onCite }: Props) {
  const { recalled, sources } = told;
  return (
    <>
      {recalled.length > 0 && (
        <Line kind="recalled" icon={Brain} title={t.chat.recalled(recalled.length)}>
          <Recalled ids={recalled} />
        </Line>
      )}
      {sources.size > 0 && (
        <Line kind="found" icon={BookOpen} title={t.chat.found(sources.size)}>
          <Sources sources={[...sources.values()]} onCite={onCite} />
        </Line>
      )}
    </>
  );
}

interface LineProps {
  kind: string;
  icon: LucideIcon;
  title: string;
  children: ReactNode;
}

function Line({ kind, icon: Icon, title, children }: LineProps) {
  const [open, setOpen] = useState(false);
  return (
    <div data-told={kind}>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="-ml-1 flex items-center gap-1.5 rounded-sm px-1 py-0.5 text-sm text-ink-3 hover:text-ink-2"
      >
        <ChevronRight aria-hidden size={14} className={cx("-mr-0.5 transition-transform", open && "rotate-90")} />
        <Icon aria-hidden size={13} /> {title}
      </button>
      {open && <ul className="mt-1.5 ml-1.5 space-y-1.5 border-l border-line-strong pl-4 text-sm">{children}</ul>}
    </div>
  );
}

function Recalled({ ids }: { ids: readonly string[] }) {
  const found = useQueries({ queries: ids.map((id) => ({ ...storyQuery(id), staleTime: 60_000 })) });
  return ids.map((id, at) => {
    const memory = found[at]?.data?.versions.at(-1);
    return (
      <li key={id} className="text-ink-2">
        {memory ? (
          <>
            <Link to="/memory" search={{ id }} className="break-words hover:text-ink hover:underline">
              {memory.text}
            </Link>{" "}
            <span className="text-xs text-ink-3">
              {t.memory.kind[memory.kind]}, {t.memory.trust[memory.trust]}
            </span>
          </>
        ) : (
          <span className="text-ink-3 italic">{found[at]?.isError ? t.chat.recalledGone : t.common.loading}</span>
        )}
      </li>
    );
  });
}

function Sources({ sources, onCite }: { sources: readonly Cited[]; onCite: (source: Cited) => void }) {
  return sources.map((source) => (
    <li key={source.n}>
      <button
        type="button"
        onClick={() => onCite(source)}
        className="max-w-full truncate rounded-sm text-left text-ink-2 hover:text-ink hover:underline"
      >
        <span className="tnum text-ink-3">[{source.n}]</span> {source.name}
        {source.page != null && <span className="text-ink-3">, {t.chat.page(source.page)}</span>}
      </button>
    </li>
  ));
}
