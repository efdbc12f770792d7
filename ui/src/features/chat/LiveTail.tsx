/** The end of a conversation: what is being written, what is asked, and how the last run ended. */
import { CircleStop, Unplug } from "lucide-react";
import { Link } from "@tanstack/react-router";
import { type Cited, isEnded } from "~/api/types";
import type { LiveRun } from "~/run/useRun";
import { useTold } from "~/run/useTold";
import type { Partial } from "~/run/view";
import { t } from "~/strings";
import { Button, buttonClass } from "~/ui/Button";
import { Markdown } from "~/ui/Markdown";
import { Failure, Spinner } from "~/ui/States";
import { Bubble, COLUMN } from "./MessageRow";
import { Reasoning } from "./Reasoning";
import { ToldLines } from "./ToldLines";
import type { Conversation } from "./useConversation";

interface Props {
  conversation: Conversation;
  /** The row before is a message of the agent: no name again. */
  continues: boolean;
  who: React.ReactNode;
  onAgain: (() => void) | undefined;
  /** Why the run rests before its end, and how it goes on. */
  rest: (live: LiveRun) => React.ReactNode;
  onCite: (source: Cited) => void;
}

export function LiveTail({ conversation, continues, who, onAgain, rest, onCite }: Props) {
  const { live, status, pending } = conversation;
  const partials = [...(live?.view.partials.values() ?? [])];
  const atWork = status !== null && !isEnded(status) && status !== "paused";
  const answered = live?.view.messages.some(({ message }) => message.role === "assistant") ?? false;
  const told = useTold(null, false, atWork && !answered ? (live?.view ?? null) : null);
  const tools = [...(live?.view.open.values() ?? [])].some((span) => span.kind === "tool");
  return (
    <div className="pb-8">
      {pending !== null && (
        <div className={`${COLUMN} flex justify-end pt-6`}>
          <Bubble faint>{pending}</Bubble>
        </div>
      )}
      <div className={`${COLUMN} space-y-2.5 ${continues && pending === null ? "pt-2.5" : "pt-6"}`} aria-live="off">
        {atWork && !(continues && pending === null) && <div className="flex h-6 items-center gap-2 text-sm">{who}</div>}
        <ToldLines told={told} onCite={onCite} />
        {partials.map((partial) => (
          <Writing key={partial.messageId} partial={partial} />
        ))}
        {atWork && partials.length === 0 && !tools && <Working status={status} />}
        {live?.connection === "waiting" && atWork && (
          <p role="status" className="flex items-center gap-2 text-sm text-warn">
            <Unplug aria-hidden size={14} /> {t.chat.reconnecting}
          </p>
        )}
        {status === "paused" && live && rest(live)}
        <Ending conversation={conversation} onAgain={onAgain} />
      </div>
    </div>
  );
}

function Writing({ partial }: { partial: Partial }) {
  const thinking = partial.text === "" && partial.reasoning !== "";
  return (
    <div data-partial={partial.messageId} className="space-y-2.5">
      {partial.reasoning !== "" && (
        <Reasoning
          text={partial.reasoning}
          live={thinking}
          took={partial.textSince === null ? undefined : partial.textSince - partial.since}
        />
      )}
      {partial.text !== "" && (
        <div className="caret-host">
          <Markdown text={partial.text} className="text-md" />
        </div>
      )}
    </div>
  );
}

function Working({ status }: { status: string }) {
  const words = status === "queued" ? t.chat.queued : status === "sleeping" ? t.chat.sleeping : t.chat.working;
  return (
    <p role="status" className="flex items-center gap-2 text-sm text-ink-3">
      <Spinner /> <span className="shimmer">{words}</span>
    </p>
  );
}

function Ending({ conversation, onAgain }: { conversation: Conversation; onAgain: (() => void) | undefined }) {
  const { live, run, status } = conversation;
  if (!run || (status !== "failed" && status !== "dead" && status !== "cancelled")) return null;
  const again = onAgain && (
    <Button small onClick={onAgain}>
      {t.chat.again}
    </Button>
  );
  const see = (
    <Link to="/runs/$run" params={{ run: run.id }} search={{}} className={buttonClass("quiet", true)}>
      {t.chat.seeRun}
    </Link>
  );
  if (status === "cancelled") {
    const why = live?.view.cancelReason;
    return (
      <div className="flex flex-wrap items-center gap-2 text-sm text-ink-2">
        <CircleStop aria-hidden size={15} className="text-ink-3" /> {why ? t.chat.cancelledWhy(why) : t.chat.cancelled}{" "}
        {again} {see}
      </div>
    );
  }
  const error = live?.view.error ?? splitError(live?.run?.error ?? run.error);
  return (
    <Failure
      title={status === "dead" ? t.chat.dead : t.chat.failed}
      error={`${error.message}${error.code ? `\n${error.code}` : ""}`}
    >
      {again}
      {see}
    </Failure>
  );
}

/** A run's row holds `code: message`. */
function splitError(error: string | null): { code: string; message: string } {
  const match = /^([a-z][\w.]*): ([\s\S]*)$/.exec(error ?? "");
  return match ? { code: match[1]!, message: match[2]! } : { code: "", message: error ?? t.common.unknown };
}
