/** The frame of the application: navigation, state of the server, and room for a page. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import {
  Activity,
  Brain,
  Command,
  Home,
  Inbox,
  KeyRound,
  Library,
  Menu as MenuIcon,
  MessageSquare,
  MessagesSquare,
  PanelLeft,
  ScrollText,
  ShieldCheck,
  Wrench,
  type LucideIcon,
} from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { healthQuery, inboxQuery } from "~/api/queries";
import { t } from "~/strings";
import { DemoBadge } from "~/ui/Badge";
import { Hint, IconButton } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { Sheet } from "~/ui/Dialog";
import { Kbd } from "~/ui/Kbd";
import { Logo } from "~/ui/Logo";
import { toggleSidebar, usePrefs } from "~/ui/prefs";
import { usePhone } from "~/ui/useMedia";
import { ThemeSwitch } from "./ThemeSwitch";
import { useShell } from "./state";
import { useShortcuts } from "./useShortcuts";

const CommandPalette = lazy(() => import("./CommandPalette"));
const ShortcutList = lazy(() => import("./ShortcutList"));

interface Entry {
  to:
    | "/"
    | "/inbox"
    | "/chat"
    | "/threads"
    | "/runs"
    | "/memory"
    | "/knowledge"
    | "/tools"
    | "/secrets"
    | "/policy"
    | "/audit";
  label: string;
  icon: LucideIcon;
  keys: string;
}

const ENTRIES: readonly Entry[] = [
  { to: "/", label: t.nav.home, icon: Home, keys: "g h" },
  { to: "/inbox", label: t.nav.inbox, icon: Inbox, keys: "g i" },
  { to: "/chat", label: t.nav.chat, icon: MessageSquare, keys: "g c" },
  { to: "/threads", label: t.nav.threads, icon: MessagesSquare, keys: "g t" },
  { to: "/runs", label: t.nav.runs, icon: Activity, keys: "g r" },
  { to: "/memory", label: t.nav.memory, icon: Brain, keys: "g m" },
  { to: "/knowledge", label: t.nav.knowledge, icon: Library, keys: "g k" },
  { to: "/tools", label: t.nav.tools, icon: Wrench, keys: "g o" },
  { to: "/secrets", label: t.nav.secrets, icon: KeyRound, keys: "g s" },
  { to: "/policy", label: t.nav.policy, icon: ShieldCheck, keys: "g p" },
  { to: "/audit", label: t.nav.audit, icon: ScrollText, keys: "g a" },
];

export function AppShell() {
  const phone = usePhone();
  const wide = usePrefs((prefs) => prefs.sidebar);
  const { palette, help, menu } = useShell();
  const { pathname } = useLocation();
  useShortcuts();
  useCountInTitle();
  useEffect(() => useShell.setState({ menu: false }), [pathname]);
  const loadedPalette = useOnce(palette);
  const loadedHelp = useOnce(help);
  return (
    <div className="flex h-dvh flex-col md:flex-row">
      <a
        href="#main"
        className="absolute z-50 -translate-y-20 rounded-md bg-accent px-3 py-2 text-on-accent focus:translate-y-2 focus:translate-x-2"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        {t.skip}
      </a>
      {phone ? <TopBar /> : <SideBar wide={wide} />}
      {phone && (
        <Sheet side="left" open={menu} onOpenChange={(open) => useShell.setState({ menu: open })} title={t.nav.label}>
          <div className="flex min-h-0 flex-1 flex-col p-3">
            <NavContent wide />
          </div>
        </Sheet>
      )}
      <main id="main" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
        <ServerNotice />
        <Outlet />
      </main>
      <Suspense>
        {loadedPalette && (
          <CommandPalette open={palette} onOpenChange={(open) => useShell.setState({ palette: open })} />
        )}
        {loadedHelp && <ShortcutList open={help} onOpenChange={(open) => useShell.setState({ help: open })} />}
      </Suspense>
    </div>
  );
}

/** How many questions are open; "100+" where there are more than are asked for at once. */
function useOpenQuestions(): { count: number; words: string } {
  const { data } = useInfiniteQuery(inboxQuery);
  const count = data?.pages.reduce((sum, page) => sum + page.items.length, 0) ?? 0;
  return { count, words: `${count}${data?.pages.at(-1)?.next ? "+" : ""}` };
}

/** Whoever looks at another tab sees it too. */
function useCountInTitle(): void {
  const { count, words } = useOpenQuestions();
  useEffect(() => {
    document.title = count > 0 ? `(${words}) ${t.app}` : t.app;
  }, [count, words]);
}

/** On a phone the way to the inbox is always in sight while something waits there. */
function TopInbox() {
  const { count, words } = useOpenQuestions();
  if (count === 0) return null;
  return (
    <Link
      to="/inbox"
      aria-label={t.nav.inboxWith(words)}
      className="relative grid size-9 place-items-center rounded-md text-ink-2 hover:bg-hover"
    >
      <Inbox aria-hidden size={17} />
      <Count words={words} className="absolute -top-0.5 -right-0.5" />
    </Link>
  );
}

function Count({ words, className }: { words: string; className?: string }) {
  return (
    <span
      aria-hidden
      data-inbox-count
      className={cx(
        "tnum inline-grid h-4.5 min-w-4.5 place-items-center rounded-full bg-accent px-1 text-2xs font-semibold text-on-accent",
        className,
      )}
    >
      {words}
    </span>
  );
}

/** True from the first time on: a lazy part is loaded when it is first wanted, and stays. */
function useOnce(wanted: boolean): boolean {
  const [was, setWas] = useState(wanted);
  useEffect(() => {
    if (wanted) setWas(true);
  }, [wanted]);
  return was || wanted;
}

function TopBar() {
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-surface px-2">
      <IconButton label={t.nav.menu} onClick={() => useShell.setState({ menu: true })}>
        <MenuIcon size={18} />
      </IconButton>
      <Link to="/" className="flex items-center gap-2 font-semibold">
        <Logo size={20} /> {t.app}
      </Link>
      <span className="ml-auto flex items-center gap-1">
        <ServerDemo />
        <TopInbox />
        <IconButton label={t.palette.open} onClick={() => useShell.setState({ palette: true })}>
          <Command size={16} />
        </IconButton>
      </span>
    </header>
  );
}

function SideBar({ wide }: { wide: boolean }) {
  return (
    <aside
      className={cx(
        "flex shrink-0 flex-col border-r border-line bg-surface py-3 transition-[width] duration-150",
        wide ? "w-52 px-3" : "w-14 px-2.5",
      )}
    >
      <NavContent wide={wide} />
    </aside>
  );
}

function NavContent({ wide }: { wide: boolean }) {
  return (
    <>
      <div className={cx("mb-4 flex h-8 items-center", wide ? "gap-2 px-1.5" : "justify-center")}>
        <Link to="/" aria-label={t.app} className="flex items-center gap-2 text-lg font-semibold tracking-tight">
          <Logo /> {wide && t.app}
        </Link>
      </div>
      <nav aria-label={t.nav.label}>
        <ul className="space-y-0.5">
          {ENTRIES.map((entry) => (
            <NavItem key={entry.to} entry={entry} wide={wide} />
          ))}
        </ul>
      </nav>
      <div className="mt-auto space-y-1">
        {wide && <ServerState />}
        <div className={cx("flex items-center", wide ? "justify-between" : "flex-col gap-1")}>
          <IconButton
            side="right"
            label={t.palette.open}
            keys={<Kbd keys="mod+k" />}
            onClick={() => useShell.setState({ palette: true, menu: false })}
          >
            <Command size={16} />
          </IconButton>
          <ThemeSwitch />
          <IconButton
            side="right"
            label={t.nav.collapse}
            keys={<Kbd keys="[" />}
            className="max-md:hidden"
            onClick={toggleSidebar}
          >
            <PanelLeft size={16} />
          </IconButton>
        </div>
      </div>
    </>
  );
}

function NavItem({ entry: { to, label, icon: Icon, keys }, wide }: { entry: Entry; wide: boolean }) {
  const open = useOpenQuestions();
  const waiting = to === "/inbox" && open.count > 0;
  const link = (
    <Link
      to={to}
      activeOptions={{ exact: to === "/" }}
      aria-label={waiting ? t.nav.inboxWith(open.words) : label}
      activeProps={{ className: "bg-active text-ink font-medium" }}
      inactiveProps={{ className: "text-ink-2 hover:bg-hover hover:text-ink" }}
      className={cx(
        "relative flex h-8 items-center gap-2.5 rounded-md text-sm max-md:h-10",
        wide ? "px-2" : "justify-center",
      )}
    >
      <Icon aria-hidden size={16} /> {wide && label}
      {waiting && <Count words={open.words} className={wide ? "ml-auto" : "absolute -top-1 -right-1"} />}
    </Link>
  );
  return (
    <li>
      {wide ? (
        link
      ) : (
        <Hint text={label} keys={<Kbd keys={keys} />} side="right">
          {link}
        </Hint>
      )}
    </li>
  );
}

function ServerDemo() {
  const { data } = useQuery(healthQuery);
  return data?.models.demo ? <DemoBadge /> : null;
}

/** What stands behind the page: model, store, version. */
function ServerState() {
  const { data, error } = useQuery(healthQuery);
  const ok = data && !error && data.store.ok;
  return (
    <div className="rounded-md px-1.5 pb-2 text-xs text-ink-3">
      {data?.models.demo && <DemoBadge className="mb-2" />}
      <p className="flex items-center gap-2">
        <span aria-hidden className={cx("size-1.5 rounded-full", ok ? "bg-ok" : error ? "bg-bad" : "bg-ink-3")} />
        <span className="truncate">
          {error ? t.server.down : data ? `${t.server.ok} · ${data.version}` : t.common.loading}
        </span>
      </p>
      {data && !data.models.demo && (
        <p className="truncate" title={`${t.server.defaultModel}: ${data.models.default}. ${data.models.reason}`}>
          {data.models.default}
        </p>
      )}
    </div>
  );
}

function ServerNotice() {
  const { data, error } = useQuery(healthQuery);
  const words = error ? `${t.server.down}. ${t.server.downDetail}` : data && !data.store.ok ? t.server.storeDown : null;
  return (
    words && (
      <p
        role="alert"
        className="shrink-0 border-b border-bad-line bg-bad-soft px-4 py-1.5 text-center text-sm text-bad"
      >
        {words}
      </p>
    )
  );
}
