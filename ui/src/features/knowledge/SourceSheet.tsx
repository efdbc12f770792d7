/** What an answer cites: the passage in its document, with what stands around it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FileText } from "lucide-react";
import { useEffect, useRef } from "react";
import { excerptQuery } from "~/api/knowledge";
import type { Cited } from "~/api/types";
import { t } from "~/strings";
import { Sheet } from "~/ui/Dialog";
import { Failure, Loading } from "~/ui/States";
import { cut } from "./excerpt";

/** A citation, or a passage that was found, of which the words are known too. */
export type Opened = Omit<Cited, "n"> & { n?: number; words?: string };

export function SourceSheet({ source, onClose }: { source: Opened | null; onClose: () => void }) {
  return (
    <Sheet side="right" open={source !== null} onOpenChange={(open) => !open && onClose()} title={t.knowledge.source}>
      {source && <Source key={`${source.document} ${source.offset}`} source={source} />}
    </Sheet>
  );
}

function Source({ source }: { source: Opened }) {
  const { collection, document, name, page, offset = 0, words } = source;
  const { data, error } = useQuery(excerptQuery(collection, document, offset));
  const mark = useRef<HTMLElement>(null);
  useEffect(() => {
    mark.current?.scrollIntoView({ block: "center" });
  }, [data]);
  const pieces = data && cut(data, offset, words);
  return (
    <>
      <header className="shrink-0 border-b border-line px-4 pt-4 pr-12 pb-3">
        <h2 className="flex items-center gap-2 font-semibold">
          <FileText aria-hidden size={16} className="shrink-0 text-ink-3" />
          <span className="min-w-0 break-words">
            {source.n !== undefined && <span className="tnum text-ink-3">[{source.n}] </span>}
            {name}
          </span>
        </h2>
        <p className="mt-0.5 flex flex-wrap gap-x-2 text-xs text-ink-3">
          {page != null && <span>{t.knowledge.page(page)}</span>}
          <Link to="/knowledge/$name" params={{ name: collection }} className="underline underline-offset-3">
            {collection}
          </Link>
        </p>
      </header>
      <div
        tabIndex={0}
        role="region"
        aria-label={t.knowledge.source}
        data-source
        className="min-h-0 flex-1 overflow-y-auto px-4 py-4 text-sm leading-relaxed break-words whitespace-pre-wrap text-ink-2"
      >
        {error && <Failure error={error} />}
        {!data && !error && <Loading />}
        {pieces && (
          <>
            {pieces[0]}
            <mark ref={mark} className="passage">
              {pieces[1]}
            </mark>
            {pieces[2]}
          </>
        )}
      </div>
    </>
  );
}
