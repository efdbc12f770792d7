/** Everything one can go to or start, by typing a few letters of it. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import {
  Activity,
  Bot,
  Brain,
  Home,
  Inbox,
  KeyRound,
  Keyboard,
  Library,
  MessageSquare,
  MessagesSquare,
  Monitor,
  Moon,
  PanelLeft,
  ScrollText,
  ShieldCheck,
  SquarePen,
  Sun,
  Wrench,
} from "lucide-react";
import type { ReactNode } from "react";
import { agentsQuery, threadsQuery } from "~/api/queries";
import { t } from "~/strings";
import { DemoMark } from "~/ui/Badge";
import { BareDialog } from "~/ui/Dialog";
import { Kbd } from "~/ui/Kbd";
import { chooseAgent, setTheme, toggleSidebar } from "~/ui/prefs";
import { useShell } from "./state";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export default function CommandPalette({ open, onOpenChange }: Props) {
  return (
    <BareDialog open={open} onOpenChange={onOpenChange} title={t.palette.open}>
      <Palette close={() => onOpenChange(false)} />
    </BareDialog>
  );
}

function Palette({ close }: { close: () => void }) {
  const navigate = useNavigate();
  const agents = useQuery(agentsQuery);
  const threads = useInfiniteQuery(threadsQuery);
  const run = (action: () => void) => () => {
    close();
    action();
  };
  return (
    <Command label={t.palette.open} loop>
      <Command.Input
        autoFocus
        placeholder={t.palette.placeholder}
        className="h-13 w-full border-b border-line bg-transparent px-4 text-md outline-none placeholder:text-ink-3"
      />
      <Command.List className="max-h-[52vh] overflow-y-auto p-1.5 [scroll-padding:0.5rem]">
        <Command.Empty className="px-3 py-10 text-center text-sm text-ink-3">{t.palette.empty}</Command.Empty>
        <Group heading={t.palette.go}>
          <Item icon={<SquarePen size={15} />} keys="c" onSelect={run(() => void navigate({ to: "/chat" }))}>
            {t.chat.new}
          </Item>
          <Item icon={<Home size={15} />} keys="g h" onSelect={run(() => void navigate({ to: "/" }))}>
            {t.nav.home}
          </Item>
          <Item icon={<Inbox size={15} />} keys="g i" onSelect={run(() => void navigate({ to: "/inbox" }))}>
            {t.nav.inbox}
          </Item>
          <Item icon={<MessagesSquare size={15} />} keys="g t" onSelect={run(() => void navigate({ to: "/threads" }))}>
            {t.nav.threads}
          </Item>
          <Item
            icon={<Activity size={15} />}
            keys="g r"
            onSelect={run(() => void navigate({ to: "/runs", search: {} }))}
          >
            {t.nav.runs}
          </Item>
          <Item
            icon={<Brain size={15} />}
            keys="g m"
            onSelect={run(() => void navigate({ to: "/memory", search: {} }))}
          >
            {t.nav.memory}
          </Item>
          <Item icon={<Library size={15} />} keys="g k" onSelect={run(() => void navigate({ to: "/knowledge" }))}>
            {t.nav.knowledge}
          </Item>
          <Item icon={<Wrench size={15} />} keys="g o" onSelect={run(() => void navigate({ to: "/tools" }))}>
            {t.nav.tools}
          </Item>
          <Item icon={<KeyRound size={15} />} keys="g s" onSelect={run(() => void navigate({ to: "/secrets" }))}>
            {t.nav.secrets}
          </Item>
          <Item icon={<ShieldCheck size={15} />} keys="g p" onSelect={run(() => void navigate({ to: "/policy" }))}>
            {t.nav.policy}
          </Item>
          <Item
            icon={<ScrollText size={15} />}
            keys="g a"
            onSelect={run(() => void navigate({ to: "/audit", search: {} }))}
          >
            {t.nav.audit}
          </Item>
        </Group>
        {agents.data && agents.data.length > 0 && (
          <Group heading={t.palette.agents}>
            {agents.data.map((agent) => (
              <Item
                key={agent.name}
                value={`agent ${agent.name}`}
                icon={<Bot size={15} />}
                onSelect={run(() => {
                  chooseAgent(agent.name);
                  void navigate({ to: "/chat" });
                })}
              >
                {agent.name} {agent.demo && <DemoMark />}
              </Item>
            ))}
          </Group>
        )}
        <Group heading={t.palette.threads}>
          {threads.data?.pages
            .flatMap((page) => page.items)
            .slice(0, 100)
            .map((thread) => (
              <Item
                key={thread.id}
                value={`${thread.title} ${thread.id}`}
                icon={<MessageSquare size={15} />}
                onSelect={run(() => void navigate({ to: "/chat/$thread", params: { thread: thread.id } }))}
              >
                {thread.title || thread.target || t.common.untitled}
              </Item>
            ))}
        </Group>
        <Group heading={t.palette.actions}>
          <Item icon={<Sun size={15} />} onSelect={run(() => setTheme("light"))}>
            {t.palette.theme(t.theme.light)}
          </Item>
          <Item icon={<Moon size={15} />} onSelect={run(() => setTheme("dark"))}>
            {t.palette.theme(t.theme.dark)}
          </Item>
          <Item icon={<Monitor size={15} />} onSelect={run(() => setTheme("system"))}>
            {t.palette.theme(t.theme.system)}
          </Item>
          <Item icon={<PanelLeft size={15} />} keys="[" onSelect={run(toggleSidebar)}>
            {t.shortcuts.sidebar}
          </Item>
          <Item icon={<Keyboard size={15} />} keys="?" onSelect={run(() => useShell.setState({ help: true }))}>
            {t.palette.shortcuts}
          </Item>
        </Group>
      </Command.List>
    </Command>
  );
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2.5 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-ink-3"
    >
      {children}
    </Command.Group>
  );
}

function Item({
  icon,
  keys,
  value,
  onSelect,
  children,
}: {
  icon: ReactNode;
  keys?: string;
  value?: string;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Command.Item
      {...(value ? { value } : {})}
      onSelect={onSelect}
      className="flex h-9 items-center gap-2.5 rounded-md px-2.5 text-sm data-[selected=true]:bg-active max-md:h-11"
    >
      <span aria-hidden className="text-ink-3">
        {icon}
      </span>
      <span className="flex min-w-0 flex-1 items-center gap-2 truncate">{children}</span>
      {keys && <Kbd keys={keys} />}
    </Command.Item>
  );
}
