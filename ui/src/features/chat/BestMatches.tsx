/** Messages of the whole thread that fit a question best, also where they have other words, or left the context. */
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue } from "react";
import { passagesQuery } from "~/api/memory";
import type { Passage } from "~/api/types";
import { t } from "~/strings";
import { oneLine } from "~/ui/format";
import { messageOf, Spinner } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";

interface Props {
  threadId: string;
  query: string;
  onGo: (seq: number) => void;
}

export function BestMatches({ threadId, query, onGo }: Props) {
  const words = useDeferredValue(query.trim());
  const { data, error } = useQuery(passagesQuery(threadId, words));
  return (
    <div className="border-t border-line">
      <p role="status" className="flex items-center gap-2 px-3 pt-2 pb-1 text-xs text-ink-3">
        {error ? messageOf(error) : data ? said(data) : <Spinner />}
      </p>
      <ol aria-label={t.chat.findBest} className="max-h-72 overflow-y-auto p-1">
        {data?.map((passage) => (
          <li key={passage.seq}>
            <button
              type="button"
              onClick={() => onGo(passage.seq)}
              className="w-full rounded-md px-2 py-1.5 text-left text-sm hover:bg-hover"
            >
              <span className="line-clamp-2 break-words">{oneLine(passage.text, 240)}</span>
              <span className="flex gap-2 text-xs text-ink-3">
                <span>{passage.role === "user" ? t.chat.you : passage.role}</span>
                <TimeAgo at={passage.at} />
                <span className="tnum ml-auto">{passage.score.toFixed(2)}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

function said(found: readonly Passage[]): string {
  return found.length > 0 ? t.chat.findBestCount(found.length) : t.chat.findNone;
}
