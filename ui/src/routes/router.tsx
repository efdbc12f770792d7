/** Which address shows which page. Every page is a chunk of its own. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from "@tanstack/react-router";
import { basePath } from "~/api/base";
import { type Status, STATUSES } from "~/api/types";
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

const chat = lazyRouteComponent(() => import("./chat"));
const routes = [
  createRoute({ getParentRoute, path: "/", component: lazyRouteComponent(() => import("./home")) }),
  createRoute({ getParentRoute, path: "/chat", component: chat }),
  createRoute({ getParentRoute, path: "/chat/$thread", component: chat }),
  createRoute({ getParentRoute, path: "/threads", component: lazyRouteComponent(() => import("./threads")) }),
  createRoute({
    getParentRoute,
    path: "/runs",
    component: lazyRouteComponent(() => import("./runs")),
    validateSearch: (search: Record<string, unknown>): { status?: Status } =>
      STATUSES.includes(search.status as Status) ? { status: search.status as Status } : {},
  }),
  createRoute({ getParentRoute, path: "/runs/$run", component: lazyRouteComponent(() => import("./run")) }),
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
