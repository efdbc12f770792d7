/** Threads, newest first; while somebody searches, all of them are loaded and filtered by title. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { threadsQuery } from "~/api/queries";
import type { Thread } from "~/api/types";

export function useThreadList(search: string) {
  const query = useInfiniteQuery(threadsQuery);
  const needle = search.trim().toLowerCase();
  const { hasNextPage, isFetchingNextPage, fetchNextPage, data } = query;
  useEffect(() => {
    if (needle && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [needle, hasNextPage, isFetchingNextPage, fetchNextPage]);
  const threads = useMemo(() => {
    const seen = new Set<string>(); // a thread that moves up while pages load may come twice
    const all = (data?.pages ?? []).flatMap((page) => page.items).filter(({ id }) => !seen.has(id) && seen.add(id));
    return needle ? all.filter((thread) => matches(thread, needle)) : all;
  }, [data, needle]);
  return { query, threads, needle };
}

function matches(thread: Thread, needle: string): boolean {
  return thread.title.toLowerCase().includes(needle) || thread.target.toLowerCase().includes(needle);
}
