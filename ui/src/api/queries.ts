/** What is asked of the server, under which key it is kept, and how long it stays fresh. */
import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import { api, ApiError } from "./client";
import { type Decision, isLive, type Status } from "./types";

const PAGE = 50;
const INBOX = 100;
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

/** What is asked of people, over all runs. It is looked at often: it is also the number in the navigation. */
export const inboxQuery = infiniteQueryOptions({
  queryKey: ["inbox"],
  queryFn: ({ pageParam, signal }) => api.interrupts({ limit: INBOX, cursor: pageParam }, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next,
  refetchInterval: 3_000,
});

/** What was cut off, and nobody knows whether it happened. */
export const unknownQuery = queryOptions({
  queryKey: ["inbox", "unknown"],
  queryFn: ({ signal }) => api.interrupts({ limit: 100, status: "unknown" }, signal).then((page) => page.items),
});

export const historyQuery = (threadId: string) =>
  infiniteQueryOptions({
    queryKey: ["thread", threadId, "history"],
    queryFn: ({ pageParam, signal }) => api.history(threadId, { before: pageParam, limit: 100 }, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
  });

/** A state never changes: it is asked for once. */
export const stateQuery = (threadId: string, at: number) =>
  queryOptions({
    queryKey: ["state", threadId, at],
    queryFn: ({ signal }) => api.state(threadId, at, signal),
    staleTime: Infinity,
  });

/** What a run that is held will do next. `seq` is its last event: with another one the answer is another. */
export const nextQuery = (threadId: string, runId: string, seq: number) =>
  queryOptions({
    queryKey: ["run", runId, "next", seq],
    queryFn: ({ signal }) => api.history(threadId, { limit: 1 }, signal).then((page) => page.items[0]?.next ?? []),
    staleTime: Infinity,
  });

export const breakpointsQuery = (runId: string) =>
  queryOptions({ queryKey: ["run", runId, "breakpoints"], queryFn: ({ signal }) => api.breakpoints(runId, signal) });

export const diffQuery = (runId: string, other: string) =>
  queryOptions({ queryKey: ["diff", runId, other], queryFn: ({ signal }) => api.diffRuns(runId, other, signal) });

export const runQuery = (runId: string) =>
  queryOptions({ queryKey: ["run", runId], queryFn: ({ signal }) => api.run(runId, signal) });

export const toolsQuery = queryOptions({ queryKey: ["tools"], queryFn: ({ signal }) => api.tools(signal) });

/** One of them with its schemas. An MCP server is asked for these. */
export const toolQuery = (name: string) =>
  queryOptions({ queryKey: ["tools", name], queryFn: ({ signal }) => api.tool(name, signal), retry: false });

/** Their names; what they are is told to nobody. */
export const secretsQuery = queryOptions({ queryKey: ["secrets"], queryFn: ({ signal }) => api.secrets(signal) });

export const policyQuery = queryOptions({ queryKey: ["policy"], queryFn: ({ signal }) => api.policy(signal) });

export const auditQuery = (tool: string | undefined, decision: Decision | undefined) =>
  infiniteQueryOptions({
    queryKey: ["audit", { tool: tool ?? "", decision: decision ?? "all" }],
    queryFn: ({ pageParam, signal }) =>
      api.audit(
        { limit: PAGE, cursor: pageParam, ...(tool ? { tool } : {}), ...(decision ? { decision } : {}) },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) <= 2 ? LISTS : false),
  });

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
