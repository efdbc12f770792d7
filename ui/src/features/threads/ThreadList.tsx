/** The threads at the side of a chat. */
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Search, SquarePen } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { t } from "~/strings";
import { Button, IconButton } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { Kbd } from "~/ui/Kbd";
import { Empty, Failure, Loading, Spinner } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { ThreadActions } from "./ThreadActions";
import { useThreadList } from "./useThreadList";

const HEIGHT = 52;

interface Props {
  current: string | null;
  onNew: () => void;
  /** The thread that is open has been deleted. */
  onGone: () => void;
}

export function ThreadList({ current, onNew, onGone }: Props) {
  const [search, setSearch] = useState("");
  const { query, threads, needle } = useThreadList(search);
  const scroller = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: threads.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => HEIGHT,
    overscan: 8,
  });
  const items = list.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useEffect(() => {
    if (last >= threads.length - 10 && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, threads.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  return (
    <nav aria-label={t.chat.threads} className="flex min-h-0 flex-1 flex-col">
      <div className="flex h-13 shrink-0 items-center gap-1 pr-2.5 pl-4 max-md:pr-12">
        <h2 className="flex-1 text-sm font-semibold">{t.threads.title}</h2>
        <IconButton label={t.chat.new} keys={<Kbd keys="c" />} onClick={onNew}>
          <SquarePen size={16} />
        </IconButton>
      </div>
      <SearchField value={search} onChange={setSearch} className="mx-2.5 mb-2" />
      <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto px-2.5 pb-3">
        {query.isPending && <Loading />}
        {query.error && !query.data && <Failure error={query.error} onRetry={() => void query.refetch()} />}
        {query.data && threads.length === 0 && !query.isFetchingNextPage && (
          <Empty
            title={needle ? t.threads.noMatch(search.trim()) : t.threads.empty}
            {...(needle ? {} : { detail: t.threads.emptyDetail })}
          />
        )}
        <ul className="relative" style={{ height: list.getTotalSize() }}>
          {items.map((item) => {
            const thread = threads[item.index]!;
            const here = thread.id === current;
            return (
              <li
                key={thread.id}
                className="group/thread absolute inset-x-0 top-0"
                style={{ height: HEIGHT, transform: `translateY(${item.start}px)` }}
              >
                <Link
                  to="/chat/$thread"
                  params={{ thread: thread.id }}
                  aria-current={here ? "page" : undefined}
                  className={cx(
                    "flex h-[calc(100%-2px)] flex-col justify-center rounded-md px-2.5 pr-9",
                    here ? "bg-active" : "hover:bg-hover",
                  )}
                >
                  <span className={cx("truncate text-sm", here ? "font-medium" : "text-ink")}>
                    {thread.title || thread.target || t.common.untitled}
                  </span>
                  <span className="truncate text-xs text-ink-3">
                    {thread.target && `${thread.target} · `}
                    <TimeAgo at={thread.updated_at} />
                  </span>
                </Link>
                <span className="absolute top-2.5 right-1 opacity-0 group-focus-within/thread:opacity-100 group-hover/thread:opacity-100 has-[[data-popup-open]]:opacity-100 max-md:opacity-100">
                  <ThreadActions small thread={thread} {...(here ? { onDeleted: onGone } : {})} />
                </span>
              </li>
            );
          })}
        </ul>
        {query.isFetchingNextPage && (
          <div className="flex justify-center py-3">
            <Spinner />
          </div>
        )}
      </div>
    </nav>
  );
}

export function SearchField({
  value,
  onChange,
  className,
}: {
  value: string;
  onChange: (value: string) => void;
  className?: string;
}) {
  return (
    <div
      className={cx(
        "flex h-8 items-center gap-2 rounded-md border border-line bg-surface px-2.5 focus-within:border-accent-line",
        className,
      )}
    >
      <Search aria-hidden size={14} className="shrink-0 text-ink-3" />
      <input
        type="search"
        data-search
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && (value ? onChange("") : event.currentTarget.blur())}
        aria-label={t.threads.search}
        placeholder={t.threads.search}
        className="min-w-0 flex-1 bg-transparent text-sm outline-none placeholder:text-ink-3 [&::-webkit-search-cancel-button]:hidden"
      />
    </div>
  );
}

export function LoadMore({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  if (!query.hasNextPage) return null;
  return (
    <div className="flex justify-center py-4">
      <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? t.common.loading : t.common.loadMore}
      </Button>
    </div>
  );
}
