/** `/chat` and `/chat/{thread}?at=`: the threads at the side, the conversation, and what the model sees of it. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Layers, MessagesSquare } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { threadQuery } from "~/api/queries";
import type { Cited } from "~/api/types";
import { ControlStrip } from "~/features/control/ControlStrip";
import { RestCard } from "~/features/control/RestCard";
import type { Extras } from "~/features/chat/MessageRow";
import { NewChat } from "~/features/chat/NewChat";
import { ThreadView } from "~/features/chat/ThreadView";
import { AnswerBar, PinMessage } from "~/features/feedback/MessageBar";
import { SourceSheet } from "~/features/knowledge/SourceSheet";
import { ContextPanel } from "~/features/threads/ContextPanel";
import { ThreadActions } from "~/features/threads/ThreadActions";
import { ThreadList } from "~/features/threads/ThreadList";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { IconButton } from "~/ui/Button";
import { Sheet } from "~/ui/Dialog";
import { usePhone, useWide } from "~/ui/useMedia";

export default function ChatRoute() {
  const { thread: threadId = null } = useParams({ strict: false });
  const navigate = useNavigate();
  const phone = usePhone();
  const [side, setSide] = useState(false);
  const leave = () => {
    setSide(false);
    void navigate({ to: "/chat" });
  };
  const list = <ThreadList current={threadId} onNew={leave} onGone={leave} />;
  const before = phone && (
    <>
      <IconButton label={t.chat.threads} onClick={() => setSide(true)}>
        <MessagesSquare size={17} />
      </IconButton>
      <Sheet side="left" open={side} onOpenChange={setSide} title={t.chat.threads}>
        <div
          className="flex min-h-0 flex-1 flex-col"
          onClick={(event) => (event.target as HTMLElement).closest("a") && setSide(false)}
        >
          {list}
        </div>
      </Sheet>
    </>
  );
  return (
    <div className="flex min-h-0 flex-1">
      {!phone && <div className="flex w-64 shrink-0 flex-col border-r border-line bg-surface/60">{list}</div>}
      {threadId ? (
        <OneThread key={threadId} threadId={threadId} before={before} onGone={leave} />
      ) : (
        <NewChat before={before} />
      )}
    </div>
  );
}

function OneThread({ threadId, before, onGone }: { threadId: string; before: React.ReactNode; onGone: () => void }) {
  const { data: thread } = useQuery(threadQuery(threadId));
  const wide = useWide();
  const [context, setContext] = useState(false);
  const { at } = useSearch({ from: "/chat/$thread" });
  const [jump, setJump] = useState<{ seq: number } | null>(null);
  useEffect(() => setJump(at ? { seq: at } : null), [at]);
  const goTo = (seq: number) => {
    setJump({ seq });
    if (!wide) setContext(false);
  };
  const rest = (live: LiveRun) => (
    <RestCard live={live}>
      <ControlStrip live={live} />
    </RestCard>
  );
  const [cited, setCited] = useState<Cited | null>(null);
  const extras = useMemo<Extras>(
    () => ({
      below: (row, last) => <AnswerBar threadId={threadId} row={row} last={last} />,
      beside: (row) => <PinMessage threadId={threadId} seq={row.seq} />,
      onCite: setCited,
    }),
    [threadId],
  );
  const panel = <ContextPanel threadId={threadId} onGoTo={goTo} />;
  const actions = (
    <>
      <IconButton
        label={t.context.title}
        aria-pressed={context}
        onClick={() => setContext(!context)}
        className={context ? "bg-active" : undefined}
      >
        <Layers size={16} />
      </IconButton>
      {thread && <ThreadActions thread={thread} onDeleted={onGone} />}
    </>
  );
  return (
    <>
      <ThreadView threadId={threadId} jump={jump} before={before} actions={actions} rest={rest} extras={extras} />
      <SourceSheet source={cited} onClose={() => setCited(null)} />
      {wide ? (
        context && (
          <aside aria-label={t.chat.context} className="flex w-88 shrink-0 flex-col border-l border-line bg-surface/60">
            {panel}
          </aside>
        )
      ) : (
        <Sheet side="right" open={context} onOpenChange={setContext} title={t.context.title}>
          {panel}
        </Sheet>
      )}
    </>
  );
}
