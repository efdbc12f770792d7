/** Search inside a thread: the browser's own cannot see rows that are not in the page. */
import { ChevronDown, ChevronUp, ListFilter, X } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { t } from "~/strings";
import { IconButton } from "~/ui/Button";
import { BestMatches } from "./BestMatches";
import { search } from "./search";
import type { Messages } from "./useMessages";

interface Props {
  threadId: string;
  messages: Messages;
  query: string;
  onQuery: (query: string) => void;
  onFound: (seq: number | null) => void;
  /** To a message that fits, though it may not have these very words. */
  onGo: (seq: number) => void;
  onClose: () => void;
}

export function FindBar({ threadId, messages, query, onQuery, onFound, onGo, onClose }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [progress, setProgress] = useState<[number, number] | null>(null);
  const [at, setAt] = useState(0);
  const [best, setBest] = useState(false);
  const found = useMemo(() => search(messages.loaded, query), [messages.loaded, query]);
  const { all } = messages;

  useEffect(() => {
    const abort = new AbortController();
    field.current?.focus();
    all((done, of) => setProgress([done, of]), abort.signal)
      .catch(() => undefined)
      .finally(() => !abort.signal.aborted && setProgress(null));
    return () => abort.abort();
  }, [all]);

  // Newest first: what one looks for is mostly near the end.
  useEffect(() => setAt(Math.max(0, found.length - 1)), [query, found.length]);
  const seq = found[at] ?? null;
  useEffect(() => onFound(seq), [seq, onFound]);
  const move = (step: number) => setAt((now) => (found.length === 0 ? 0 : (now + step + found.length) % found.length));

  return (
    <div
      role="search"
      className="absolute top-2 right-3 z-20 w-[min(27rem,calc(100%-1.5rem))] animate-rise max-md:static max-md:mx-3 max-md:mt-2 max-md:w-auto rounded-lg border border-line bg-raised shadow-2"
    >
      <div className="flex items-center gap-1 p-1 pl-3">
        <input
          ref={field}
          type="search"
          aria-label={t.chat.findPlaceholder}
          placeholder={t.chat.findPlaceholder}
          value={query}
          onChange={(event) => onQuery(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") move(event.shiftKey ? 1 : -1);
            else if (event.key === "Escape") onClose();
            else if (event.key === "ArrowUp") move(-1);
            else if (event.key === "ArrowDown") move(1);
            else return;
            event.preventDefault();
          }}
          className="min-w-0 flex-1 bg-transparent text-sm outline-none placeholder:text-ink-3 [&::-webkit-search-cancel-button]:hidden"
        />
        <span role="status" className="tnum min-w-16 text-right text-xs text-ink-3">
          {progress
            ? t.chat.findLoading(...progress)
            : query
              ? t.chat.findCount(found.length ? at + 1 : 0, found.length)
              : ""}
        </span>
        <IconButton small label={t.chat.findPrevious} disabled={found.length < 2} onClick={() => move(-1)}>
          <ChevronUp size={15} />
        </IconButton>
        <IconButton small label={t.chat.findNext} disabled={found.length < 2} onClick={() => move(1)}>
          <ChevronDown size={15} />
        </IconButton>
        <IconButton
          small
          label={t.chat.findBest}
          aria-pressed={best}
          onClick={() => setBest(!best)}
          className={best ? "bg-active" : undefined}
        >
          <ListFilter size={15} />
        </IconButton>
        <IconButton small label={t.common.close} onClick={onClose}>
          <X size={15} />
        </IconButton>
      </div>
      {query.trim() !== "" && (best || (progress === null && found.length === 0)) && (
        <BestMatches threadId={threadId} query={query} onGo={onGo} />
      )}
    </div>
  );
}
