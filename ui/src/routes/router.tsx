/** Which address shows which page. Every page is a chunk of its own. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from "@tanstack/react-router";
import { basePath } from "~/api/base";
import {
  type Decision,
  DECISIONS,
  MEMORY_KINDS,
  MEMORY_TABS,
  type MemoryKind,
  type MemoryTab,
  RUN_TABS,
  type RunTab,
  SHELVES,
  type Status,
  STATUSES,
  type Whose,
} from "~/api/types";
import { AppShell } from "~/features/shell/AppShell";
import { t } from "~/strings";
import { Button, buttonClass } from "~/ui/Button";
import { Empty, Loading, messageOf } from "~/ui/States";

function NotFound() {
  return (
    <Empty title={t.common.notFound} detail={t.common.notFoundDetail}>
      <Link to="/" className={buttonClass("plain")}>
        {t.common.goHome}
      </Link>
    </Empty>
  );
}

function Broken({ error }: { error: unknown }) {
  return (
    <Empty title={t.common.broken} detail={messageOf(error)}>
      <Button onClick={() => location.reload()}>{t.common.reload}</Button>
    </Empty>
  );
}

const root = createRootRoute({ component: AppShell, notFoundComponent: NotFound });
const getParentRoute = () => root;

/** One of these words, where the address has one. */
function one<K extends string, V extends string>(
  search: Record<string, unknown>,
  name: K,
  known: readonly V[],
): { [key in K]?: V } {
  return (known.includes(search[name] as V) ? { [name]: search[name] } : {}) as { [key in K]?: V };
}

/** Any words; numbers too, as the router reads `?q=1` as one. */
function words<K extends string>(search: Record<string, unknown>, name: K): { [key in K]?: string } {
  const value = search[name];
  const text = typeof value === "number" ? String(value) : value;
  return (typeof text === "string" && text ? { [name]: text } : {}) as { [key in K]?: string };
}

const chat = lazyRouteComponent(() => import("./chat"));
const knowledge = lazyRouteComponent(() => import("./knowledge"));
const routes = [
  createRoute({ getParentRoute, path: "/", component: lazyRouteComponent(() => import("./home")) }),
  createRoute({ getParentRoute, path: "/chat", component: chat }),
  createRoute({
    getParentRoute,
    path: "/chat/$thread",
    component: chat,
    validateSearch: ({ at }: Record<string, unknown>): { at?: number } =>
      Number.isInteger(at) && Number(at) > 0 ? { at: Number(at) } : {},
  }),
  createRoute({ getParentRoute, path: "/threads", component: lazyRouteComponent(() => import("./threads")) }),
  createRoute({
    getParentRoute,
    path: "/threads/$thread/history",
    component: lazyRouteComponent(() => import("./history")),
  }),
  createRoute({ getParentRoute, path: "/inbox", component: lazyRouteComponent(() => import("./inbox")) }),
  createRoute({
    getParentRoute,
    path: "/runs",
    component: lazyRouteComponent(() => import("./runs")),
    validateSearch: (search: Record<string, unknown>): { status?: Status } =>
      STATUSES.includes(search.status as Status) ? { status: search.status as Status } : {},
  }),
  createRoute({
    getParentRoute,
    path: "/runs/$run",
    component: lazyRouteComponent(() => import("./run")),
    validateSearch: (search: Record<string, unknown>): { tab?: RunTab; of?: string } => ({
      ...(RUN_TABS.includes(search.tab as RunTab) ? { tab: search.tab as RunTab } : {}),
      ...(typeof search.of === "string" && search.of ? { of: search.of } : {}),
    }),
  }),
  createRoute({
    getParentRoute,
    path: "/memory",
    component: lazyRouteComponent(() => import("./memory")),
    validateSearch: (search: Record<string, unknown>) => ({
      ...one<"tab", MemoryTab>(search, "tab", MEMORY_TABS),
      ...one<"kind", MemoryKind>(search, "kind", MEMORY_KINDS),
      ...one<"of", Whose>(search, "of", SHELVES),
      ...words(search, "user"),
      ...words(search, "q"),
      ...words(search, "id"),
    }),
  }),
  createRoute({ getParentRoute, path: "/knowledge", component: knowledge }),
  createRoute({ getParentRoute, path: "/knowledge/$name", component: knowledge }),
  createRoute({ getParentRoute, path: "/tools", component: lazyRouteComponent(() => import("./tools")) }),
  createRoute({ getParentRoute, path: "/secrets", component: lazyRouteComponent(() => import("./secrets")) }),
  createRoute({ getParentRoute, path: "/policy", component: lazyRouteComponent(() => import("./policy")) }),
  createRoute({
    getParentRoute,
    path: "/audit",
    component: lazyRouteComponent(() => import("./audit")),
    validateSearch: (search: Record<string, unknown>): { tool?: string; decision?: Decision } => ({
      ...(typeof search.tool === "string" && search.tool ? { tool: search.tool } : {}),
      ...(DECISIONS.includes(search.decision as Decision) ? { decision: search.decision as Decision } : {}),
    }),
  }),
] as const;

export function newRouter() {
  return createRouter({
    routeTree: root.addChildren(routes),
    basepath: basePath() || "/",
    defaultPreload: "intent",
    defaultPendingComponent: Loading,
    defaultErrorComponent: Broken,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: false,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
