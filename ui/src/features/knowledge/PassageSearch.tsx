/** Searches a collection as its agents do: passages with their scores, each a way to its place in the document. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { passagesOfQuery } from "~/api/knowledge";
import type { FoundPassage } from "~/api/types";
import { t } from "~/strings";
import { FIELD } from "~/ui/question/Field";
import { isObject } from "~/ui/question/schema";
import { Empty, Failure, Loading } from "~/ui/States";
import type { Opened } from "./SourceSheet";

interface Props {
  collection: string;
  onOpen: (source: Opened) => void;
}

export function PassageSearch({ collection, onOpen }: Props) {
  const [draft, setDraft] = useState("");
  const [where, setWhere] = useState("");
  const [asked, setAsked] = useState({ q: "", where: "" });
  const wrong = where.trim() !== "" && !isCondition(where);
  useEffect(() => {
    if (wrong) return undefined;
    const timer = setTimeout(() => setAsked({ q: draft.trim(), where: where.trim() }), 250);
    return () => clearTimeout(timer);
  }, [draft, where, wrong]);
  return (
    <section aria-label={t.knowledge.search} className="mb-8">
      <div className="flex flex-wrap gap-2">
        <input
          type="search"
          data-search
          aria-label={t.knowledge.search}
          placeholder={t.knowledge.search}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          className={`${FIELD} w-auto! min-w-56 flex-1`}
        />
        {draft && (
          <input
            aria-label={t.knowledge.where}
            title={t.knowledge.where}
            placeholder={t.knowledge.whereExample}
            value={where}
            spellCheck={false}
            aria-invalid={wrong}
            onChange={(event) => setWhere(event.target.value)}
            className={`${FIELD} w-52! font-mono text-xs!`}
          />
        )}
      </div>
      {wrong && (
        <p role="alert" className="mt-1 text-xs text-bad">
          {t.knowledge.whereWrong}
        </p>
      )}
      {asked.q && <Found collection={collection} {...asked} onOpen={onOpen} />}
    </section>
  );
}

function isCondition(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

function Found({ collection, q, where, onOpen }: Props & { q: string; where: string }) {
  const { data, error, refetch } = useQuery(passagesOfQuery(collection, q, where));
  if (error) return <Failure className="mt-3" error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.length === 0) return <Empty title={t.knowledge.noneFound(q)} />;
  return (
    <>
      <p role="status" className="mt-3 mb-2 text-xs text-ink-3">
        {t.knowledge.found(data.length)}
      </p>
      <ol className="space-y-2">
        {data.map((one) => (
          <PassageRow key={`${one.document.id} ${one.offset}`} one={one} collection={collection} onOpen={onOpen} />
        ))}
      </ol>
    </>
  );
}

function PassageRow({ one, collection, onOpen }: { one: FoundPassage } & Props) {
  const { document, page, offset, text } = one;
  const open = () => onOpen({ collection, document: document.id, name: document.name, page, offset, words: text });
  return (
    <li data-passage className="rounded-lg border border-line bg-surface">
      <button type="button" onClick={open} className="w-full rounded-lg px-3.5 py-2.5 text-left hover:bg-hover">
        <span className="flex items-baseline gap-2 text-xs text-ink-3">
          <span className="min-w-0 truncate font-medium text-ink-2">{document.name}</span>
          {page != null && <span className="shrink-0">{t.knowledge.page(page)}</span>}
          <span className="tnum ml-auto shrink-0">{one.score.toFixed(2)}</span>
        </span>
        <span className="mt-1 line-clamp-3 text-sm break-words whitespace-pre-line">{text}</span>
      </button>
    </li>
  );
}
