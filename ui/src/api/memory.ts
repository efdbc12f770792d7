/** What is remembered, what people say of answers, and what is made of it: one function per endpoint, and the queries. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import type {
  Chore,
  FoundMemory,
  Json,
  KeptMemory,
  Memory,
  MemoryChange,
  MemoryKind,
  MemoryStory,
  NewMemory,
  Page,
  Passage,
  Remark,
} from "./types";

const id = encodeURIComponent;
const PAGE = 100;
/** As many as the server gives at once. */
const MOST = 200;

export interface MemorySearch {
  q: string;
  user?: string | undefined;
  agent?: string | undefined;
  thread?: string | undefined;
  /** What held then, in seconds since the epoch. */
  as_of?: number | undefined;
  /** As was known then. */
  known_at?: number | undefined;
}

export const memoryApi = {
  list: (query: { user?: string; kind?: MemoryKind; limit?: number; after?: number | null }, signal?: AbortSignal) =>
    call<Page<KeptMemory, number>>("GET", "memories", { query, signal }),
  search: (query: MemorySearch & { limit?: number }, signal?: AbortSignal) =>
    call<{ items: FoundMemory[] }>("GET", "memories/search", { query: { ...query }, signal }).then(
      ({ items }) => items,
    ),
  story: (memory: string, signal?: AbortSignal) => call<MemoryStory>("GET", `memories/${id(memory)}`, { signal }),
  add: (body: NewMemory, user?: string) => call<Memory>("POST", "memories", { query: { user }, body }),
  change: (memory: string, body: MemoryChange) => call<Memory>("PATCH", `memories/${id(memory)}`, { body }),
  erase: (memory: string) => call<void>("DELETE", `memories/${id(memory)}`),
  eraseAll: (user: string) => call<{ count: number }>("DELETE", "memories", { query: { user } }),

  profile: (query: { user?: string; as_of?: number }, signal?: AbortSignal) =>
    call<{ fields: Record<string, Json> }>("GET", "profile", { query, signal }).then(({ fields }) => fields),
  changeProfile: (agent: string, changes: Record<string, Json>, user?: string) =>
    call<{ fields: Record<string, Json> }>("PATCH", "profile", { query: { user }, body: { agent, changes } }),

  proposals: (signal?: AbortSignal) =>
    call<{ items: KeptMemory[] }>("GET", "proposals", { signal }).then(({ items }) => items),
  approve: (memory: string) => call<Memory>("POST", `proposals/${id(memory)}/approve`),
  reject: (memory: string, reason: string) =>
    call<Memory>("POST", `proposals/${id(memory)}/reject`, { body: { reason } }),

  chores: (signal?: AbortSignal) => call<{ items: Chore[] }>("GET", "chores", { signal }).then(({ items }) => items),
  addChore: (body: { kind: Chore["kind"]; agent?: string; user?: string }) => call<void>("POST", "chores", { body }),

  giveFeedback: (run: string, body: { kind: Remark["kind"]; value: string; message?: number }) =>
    call<Remark>("POST", `runs/${id(run)}/feedback`, { body }),
  feedback: (query: { run?: string; thread?: string; after?: number; limit?: number }, signal?: AbortSignal) =>
    call<{ items: Remark[] }>("GET", "feedback", { query, signal }).then(({ items }) => items),
  removeFeedback: (n: number) => call<void>("DELETE", `feedback/${n}`),

  searchThread: (thread: string, q: string, signal?: AbortSignal) =>
    call<{ items: Passage[] }>("GET", `threads/${id(thread)}/search`, { query: { q, limit: 30 }, signal }).then(
      ({ items }) => items,
    ),
  pin: (thread: string, message: number) => call<Memory>("POST", `threads/${id(thread)}/pins`, { body: { message } }),
};

export const memoriesQuery = (kind: MemoryKind | undefined, user: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["memories", "list", { kind: kind ?? "all", user: user ?? "" }],
    queryFn: ({ pageParam, signal }) =>
      memoryApi.list({ limit: PAGE, after: pageParam, ...(kind ? { kind } : {}), ...(user ? { user } : {}) }, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
  });

export const foundQuery = (search: MemorySearch) =>
  queryOptions({
    queryKey: ["memories", "found", search],
    queryFn: ({ signal }) => memoryApi.search({ ...search, limit: 50 }, signal),
    placeholderData: keepPreviousData,
    enabled: search.q !== "",
  });

/** Which messages of a thread are kept in view, and by which memory. Of the newest thousand episodes. */
export const pinsQuery = (thread: string) =>
  queryOptions({
    queryKey: ["memories", "pins", thread],
    queryFn: async ({ signal }) => {
      const pins = new Map<number, string>();
      let after: number | null = null;
      for (let page = 0; page < 5; page++) {
        const { items, next }: Page<KeptMemory, number> = await memoryApi.list(
          { kind: "episodic", limit: MOST, after },
          signal,
        );
        for (const { memory, thread: where } of items) {
          const seq = /^message (\d+)$/.exec(memory.subject)?.[1];
          if (where === thread && seq && memory.pinned && memory.expires_at === null) pins.set(Number(seq), memory.id);
        }
        if (next === null) break;
        after = next;
      }
      return pins;
    },
    staleTime: 30_000,
    structuralSharing: false,
  });

/** Messages of all of a thread that fit, best first. */
export const passagesQuery = (thread: string, q: string) =>
  queryOptions({
    queryKey: ["thread", thread, "search", q],
    queryFn: ({ signal }) => memoryApi.searchThread(thread, q, signal),
    placeholderData: keepPreviousData,
    enabled: q !== "",
  });

export const storyQuery = (memory: string) =>
  queryOptions({
    queryKey: ["memories", "story", memory],
    queryFn: ({ signal }) => memoryApi.story(memory, signal),
    retry: false,
  });

export const profileQuery = (user: string | undefined, asOf: number | undefined) =>
  queryOptions({
    queryKey: ["memories", "profile", { user: user ?? "", asOf: asOf ?? 0 }],
    queryFn: ({ signal }) =>
      memoryApi.profile({ ...(user ? { user } : {}), ...(asOf !== undefined ? { as_of: asOf } : {}) }, signal),
    placeholderData: keepPreviousData,
  });

export const proposalsQuery = queryOptions({
  queryKey: ["memories", "proposals"],
  queryFn: ({ signal }) => memoryApi.proposals(signal),
  refetchInterval: 6_000,
});

export const choresQuery = queryOptions({
  queryKey: ["chores"],
  queryFn: ({ signal }) => memoryApi.chores(signal),
  refetchInterval: (query) => (query.state.data?.some(({ status }) => status === "working") ? 1_000 : 4_000),
});

/** What was said of the runs of a thread. */
export const threadFeedbackQuery = (thread: string) =>
  queryOptions({
    queryKey: ["feedback", { thread }],
    queryFn: async ({ signal }) => {
      const all: Remark[] = [];
      for (;;) {
        const page = await memoryApi.feedback({ thread, after: all.at(-1)?.n ?? 0, limit: MOST }, signal);
        all.push(...page);
        if (page.length < MOST) return all;
      }
    },
    staleTime: 30_000,
  });

export const runFeedbackQuery = (run: string) =>
  queryOptions({
    queryKey: ["feedback", { run }],
    queryFn: ({ signal }) => memoryApi.feedback({ run, limit: MOST }, signal),
  });
