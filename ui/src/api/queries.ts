/** What is asked of the server, under which key it is kept, and how long it stays fresh. */
import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import { api, ApiError } from "./client";
import { isLive, type Status } from "./types";

const PAGE = 50;
/** Lists are renewed in the background while they are looked at. Milliseconds. */
const LISTS = 6_000;

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => api.health(signal),
  refetchInterval: (query) => (query.state.status === "error" ? 4_000 : 30_000),
  retry: false,
});

export const agentsQuery = queryOptions({
  queryKey: ["agents"],
  queryFn: ({ signal }) => api.agents(signal),
  staleTime: 60_000,
});

export const threadsQuery = infiniteQueryOptions({
  queryKey: ["threads"],
  queryFn: ({ pageParam, signal }) => api.threads({ limit: PAGE, cursor: pageParam }, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next,
  refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) <= 2 ? LISTS : false),
});

export const threadQuery = (threadId: string) =>
  queryOptions({ queryKey: ["thread", threadId], queryFn: ({ signal }) => api.thread(threadId, signal) });

export const contextQuery = (threadId: string) =>
  queryOptions({ queryKey: ["thread", threadId, "context"], queryFn: ({ signal }) => api.context(threadId, signal) });

/** The newest runs of a thread: is one of them at work? */
export const threadRunsQuery = (threadId: string) =>
  queryOptions({
    queryKey: ["runs", { thread: threadId }],
    queryFn: ({ signal }) => api.runs({ thread_id: threadId, limit: 20 }, signal).then((page) => page.items),
    refetchInterval: 5_000,
  });

export const runsQuery = (status: Status | undefined) =>
  infiniteQueryOptions({
    queryKey: ["runs", { status: status ?? "all" }],
    queryFn: ({ pageParam, signal }) => api.runs({ limit: PAGE, cursor: pageParam, status }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      const busy = pages.some((page) => page.items.some((run) => isLive(run.status)));
      return pages.length > 3 ? false : busy ? 2_000 : LISTS;
    },
  });

export const waitingRunsQuery = queryOptions({
  queryKey: ["runs", { waiting: true }],
  queryFn: ({ signal }) => api.runs({ status: "paused", limit: 20 }, signal).then((page) => page.items),
  refetchInterval: LISTS,
});

export const runQuery = (runId: string) =>
  queryOptions({ queryKey: ["run", runId], queryFn: ({ signal }) => api.run(runId, signal) });

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        retry: (failures, error) =>
          failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
        retryDelay: (failures) => Math.min(4_000, 500 * 2 ** failures),
      },
    },
  });
}
