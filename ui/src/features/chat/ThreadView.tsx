/** One thread: all its messages, the run at work in it, and the composer. */
import { useQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { type ReactNode, type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { agentsQuery, threadQuery } from "~/api/queries";
import type { Agent } from "~/api/types";
import { isEnded } from "~/api/types";
import { questionsOf } from "~/run/standing";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { DemoBadge, DemoMark } from "~/ui/Badge";
import { IconButton } from "~/ui/Button";
import { Kbd } from "~/ui/Kbd";
import { useKeys } from "~/ui/keys";
import { Failure, Loading } from "~/ui/States";
import { AgentPicker, Avatar } from "./AgentPicker";
import { Composer } from "./Composer";
import { FindBar } from "./FindBar";
import { inputOf, takesJson } from "./input";
import { LiveTail } from "./LiveTail";
import { type ListHandle, MessageList } from "./MessageList";
import { COLUMN, type Extras, textOf } from "./MessageRow";
import { useConversation } from "./useConversation";

interface Props {
  threadId: string;
  /** Go to this message; a new object each time somebody asks. */
  jump: { seq: number } | null;
  /** Left of the title: how to get to other threads on a phone. */
  before?: ReactNode;
  /** At the right end of the head. */
  actions?: ReactNode;
  /** Why a run rests before its end, and how it goes on. */
  rest: (live: LiveRun) => ReactNode;
  /** Below and beside messages; must stay the same object. */
  extras: Extras;
}

export function ThreadView({ threadId, jump, before, actions, rest, extras }: Props) {
  const thread = useQuery(threadQuery(threadId));
  const agents = useQuery(agentsQuery);
  const conversation = useConversation(threadId);
  const list = useRef<ListHandle>(null);
  const [finding, setFinding] = useState(false);
  const [query, setQuery] = useState("");
  const [foundSeq, setFoundSeq] = useState<number | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const target = chosen ?? thread.data?.target ?? conversation.run?.target ?? null;
  const agent = agents.data?.find(({ name }) => name === target);

  const { messages, status } = conversation;
  const shown = useJump(jump, messages.ready, list);
  const onFound = useCallback((seq: number | null) => {
    setFoundSeq(seq);
    if (seq !== null) list.current?.goTo(seq);
  }, []);
  const goTo = useCallback((seq: number) => {
    setFoundSeq(seq);
    list.current?.goTo(seq);
  }, []);
  const closeFind = useCallback(() => {
    setFinding(false);
    setQuery("");
    setFoundSeq(null);
  }, []);
  useKeys({
    "mod+f": () => setFinding(true),
    "mod+.": () => conversation.busy && conversation.stop(),
    i: () => document.querySelector<HTMLTextAreaElement>("[data-composer]")?.focus(),
  });

  const send = async (text: string) => {
    const sent = target !== null && (await conversation.send(target, inputOf(agent, text)));
    if (sent) list.current?.toEnd();
    return sent;
  };
  const who = useWho(agents.data, target);
  const again = useAgain(conversation, target);
  const isTold = (author: string | null | undefined) => {
    const teller = agents.data?.find(({ name }) => name === (author ?? target));
    return Boolean(teller?.memory || teller?.knowledge?.length);
  };
  const title = thread.data?.title || thread.data?.target || t.common.untitled;
  const failure = messages.error ?? thread.error;
  const { live } = conversation;
  const asks = live !== null && questionsOf(live.view, live.run).length > 0;
  const blocked = status !== "paused" ? null : asks ? t.chat.waitFirst : t.chat.restsFirst;

  return (
    <section aria-label={title} className="relative flex min-w-0 flex-1 flex-col">
      <header className="flex h-13 shrink-0 items-center gap-2 border-b border-line px-4 max-md:px-2">
        {before}
        <h1 className="min-w-0 truncate font-semibold" title={title}>
          {thread.data ? title : <span className="text-ink-3">{t.common.loading}</span>}
        </h1>
        {agent?.demo && <DemoBadge />}
        <div className="ml-auto flex items-center gap-0.5">
          <IconButton label={t.chat.find} keys={<Kbd keys="mod+f" />} onClick={() => setFinding(true)}>
            <Search size={16} />
          </IconButton>
          {actions}
        </div>
      </header>
      <div className="relative flex min-h-0 flex-1 flex-col">
        {finding && (
          <FindBar
            threadId={threadId}
            messages={messages}
            query={query}
            onQuery={setQuery}
            onFound={onFound}
            onGo={goTo}
            onClose={closeFind}
          />
        )}
        {failure ? (
          <div className={`${COLUMN} pt-10`}>
            <Failure
              error={failure}
              onRetry={() => {
                messages.retry();
                void thread.refetch();
              }}
            />
          </div>
        ) : messages.ready ? (
          <MessageList
            ref={list}
            conversation={conversation}
            who={who}
            query={finding ? query : ""}
            foundSeq={finding ? foundSeq : shown}
            isTold={isTold}
            extras={extras}
            tail={(continues) => (
              <LiveTail
                conversation={conversation}
                continues={continues}
                who={who(conversation.run?.target)}
                onAgain={again}
                rest={rest}
                onCite={extras.onCite}
              />
            )}
          />
        ) : (
          <Loading className="flex-1" />
        )}
      </div>
      {!failure && (
        <div className={`${COLUMN} shrink-0 pb-4 max-md:px-3 max-md:pb-[max(0.75rem,env(safe-area-inset-bottom))]`}>
          {agents.data && target && !agent && <p className="pb-2 text-sm text-warn">{t.agent.gone(target)}</p>}
          <Composer
            draft={threadId}
            agent={agent ? target : null}
            json={takesJson(agent)}
            busy={conversation.busy}
            blocked={blocked}
            stopping={conversation.stopping}
            autoFocus
            onSend={send}
            onStop={conversation.stop}
          >
            {agents.data && <AgentPicker agents={agents.data} value={target} onChange={setChosen} />}
          </Composer>
        </div>
      )}
    </section>
  );
}

/** How long the message that one came for is marked. Milliseconds. */
const MARKED = 2_500;

/** Goes to a message as soon as it can, and marks it for a while. */
function useJump(jump: Props["jump"], ready: boolean, list: RefObject<ListHandle | null>): number | null {
  const [shown, setShown] = useState<number | null>(null);
  useEffect(() => {
    if (!jump || !ready) return undefined;
    list.current?.goTo(jump.seq);
    setShown(jump.seq);
    const timer = setTimeout(() => setShown(null), MARKED);
    return () => clearTimeout(timer);
  }, [jump, ready, list]);
  return shown;
}

/** The name above an answer, with the mark of the demo model where that is what answered. */
function useWho(agents: readonly Agent[] | undefined, target: string | null) {
  return useMemo(() => {
    const made = new Map<string, ReactNode>();
    return (author: string | null | undefined): ReactNode => {
      const name = author ?? target ?? t.chat.assistant;
      let node = made.get(name);
      if (!node) {
        const demo = agents?.find((agent) => agent.name === name)?.demo ?? false;
        node = (
          <>
            <Avatar name={name} />
            <span className="font-medium">{name}</span>
            {demo && <DemoMark />}
          </>
        );
        made.set(name, node);
      }
      return node;
    };
  }, [agents, target]);
}

/** Says the last thing again, where the run with it ended badly. */
function useAgain(conversation: ReturnType<typeof useConversation>, target: string | null): (() => void) | undefined {
  const { run, live, status, messages, send } = conversation;
  if (!run || status === null || !isEnded(status) || status === "finished") return undefined;
  const input = live?.run?.input ?? run.input;
  let words = typeof input === "string" ? input : "";
  for (const row of messages.loaded.rows.values()) {
    if (row.run_id === run.id && row.message.role === "user") words = textOf(row.message);
  }
  const name = target ?? run.target;
  return words && name ? () => void send(name, words) : undefined;
}
