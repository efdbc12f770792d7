/** All threads: search by title, rename, delete. */
import { Link } from "@tanstack/react-router";
import { MessagesSquare } from "lucide-react";
import { useState } from "react";
import { t } from "~/strings";
import { buttonClass } from "~/ui/Button";
import { count } from "~/ui/format";
import { Page } from "~/ui/Page";
import { Empty, Failure, Loading } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { ThreadActions } from "./ThreadActions";
import { LoadMore, SearchField } from "./ThreadList";
import { useThreadList } from "./useThreadList";

const COLUMNS =
  "grid grid-cols-[minmax(0,1fr)_9rem_6rem_6rem_2.5rem] items-center gap-4 max-md:grid-cols-[minmax(0,1fr)_auto_2.5rem] max-md:gap-2";

export function ThreadsPage() {
  const [search, setSearch] = useState("");
  const { query, threads, needle } = useThreadList(search);
  return (
    <Page
      title={t.threads.title}
      lead={t.threads.lead}
      actions={<SearchField value={search} onChange={setSearch} className="w-64 max-md:w-full" />}
    >
      {query.isPending && <Loading />}
      {query.error && !query.data && (
        <Failure title={t.errors.load(t.threads.title)} error={query.error} onRetry={() => void query.refetch()} />
      )}
      {query.data &&
        threads.length === 0 &&
        !query.isFetchingNextPage &&
        (needle ? (
          <Empty title={t.threads.noMatch(search.trim())} />
        ) : (
          <Empty icon={<MessagesSquare size={24} />} title={t.threads.empty} detail={t.threads.emptyDetail}>
            <Link to="/chat" className={buttonClass("solid")}>
              {t.chat.new}
            </Link>
          </Empty>
        ))}
      {threads.length > 0 && (
        <div role="table" aria-label={t.threads.title}>
          <div
            role="row"
            className={`${COLUMNS} border-b border-line px-3 pb-2 text-xs font-medium text-ink-3 max-md:hidden`}
          >
            <span role="columnheader">{t.threads.name}</span>
            <span role="columnheader">{t.threads.agent}</span>
            <span role="columnheader" className="text-right">
              {t.threads.size}
            </span>
            <span role="columnheader" className="text-right">
              {t.threads.updated}
            </span>
            <span role="columnheader">
              <span className="sr-only">{t.common.actions}</span>
            </span>
          </div>
          {threads.map((thread) => (
            <div
              key={thread.id}
              role="row"
              className={`${COLUMNS} relative border-b border-line px-3 py-2 hover:bg-hover`}
            >
              <span role="cell" className="min-w-0">
                <Link
                  to="/chat/$thread"
                  params={{ thread: thread.id }}
                  className="block truncate font-medium after:absolute after:inset-0"
                >
                  {thread.title || thread.target || t.common.untitled}
                </Link>
                <span className="truncate text-xs text-ink-3 md:hidden">
                  {thread.target} · {t.threads.messages(thread.head_seq)}
                </span>
              </span>
              <span role="cell" className="truncate text-sm text-ink-2 max-md:hidden">
                {thread.target}
              </span>
              <span role="cell" className="tnum text-right text-sm text-ink-2 max-md:hidden">
                {count(thread.head_seq)}
              </span>
              <span role="cell" className="text-right text-sm text-ink-2 max-md:text-xs">
                <TimeAgo at={thread.updated_at} />
              </span>
              <span role="cell" className="relative z-10">
                <ThreadActions small thread={thread} />
              </span>
            </div>
          ))}
        </div>
      )}
      <LoadMore query={query} />
    </Page>
  );
}
