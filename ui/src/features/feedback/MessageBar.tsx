/** Below a message: what a person says of it, and whether it is kept in view. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Pin, PinOff } from "lucide-react";
import { useState } from "react";
import { memoryApi, pinsQuery, threadFeedbackQuery } from "~/api/memory";
import type { StoredMessage } from "~/api/types";
import { t } from "~/strings";
import { IconButton } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { toast, toastError } from "~/ui/Toasts";
import { isSilent, labelsOf, saidOf } from "./remarks";
import { SaidList, Thumbs } from "./Thumbs";
import { useFeedback } from "./useFeedback";

/** Shown while one is at the message, or something was said of it; where nothing hovers, always. */
const QUIET =
  "opacity-0 group-focus-within/message:opacity-100 group-hover/message:opacity-100 pointer-coarse:opacity-100";

export function AnswerBar({ threadId, row, last }: { threadId: string; row: StoredMessage; last: boolean }) {
  const { data: remarks = [] } = useQuery(threadFeedbackQuery(threadId));
  const run = row.run_id ?? "";
  const said = saidOf(remarks, run, row.seq);
  const voice = useFeedback(run, row.seq, said);
  const { pinned, busy, toggle } = usePin(threadId, row.seq);
  if (!run) return null;
  return (
    <div className="mt-1">
      <div
        role="group"
        aria-label={t.feedback.title}
        className={cx("-ml-1.5 flex items-center text-ink-3", !last && !pinned && isSilent(said) && QUIET)}
      >
        <Thumbs said={said} voice={voice} labels={labelsOf(remarks)} />
        <PinButton pinned={pinned} busy={busy} onToggle={toggle} />
      </div>
      <SaidList said={said} voice={voice} />
    </div>
  );
}

/** Of what a person said only the pin. */
export function PinMessage({ threadId, seq }: { threadId: string; seq: number }) {
  const { pinned, busy, toggle } = usePin(threadId, seq);
  return (
    <span className={pinned ? undefined : QUIET}>
      <PinButton pinned={pinned} busy={busy} onToggle={toggle} />
    </span>
  );
}

function PinButton({ pinned, busy, onToggle }: { pinned: boolean; busy: boolean; onToggle: () => void }) {
  const Icon = pinned ? PinOff : Pin;
  return (
    <IconButton
      small
      side="top"
      label={pinned ? t.feedback.unpin : t.feedback.pin}
      aria-pressed={pinned}
      disabled={busy}
      onClick={onToggle}
      className={cx(pinned && "text-accent-ink!")}
    >
      <Icon size={14} />
    </IconButton>
  );
}

function usePin(threadId: string, seq: number) {
  const client = useQueryClient();
  const id = useQuery(pinsQuery(threadId)).data?.get(seq);
  const [busy, setBusy] = useState(false);
  const toggle = async () => {
    setBusy(true);
    try {
      if (id) await memoryApi.erase(id);
      else await memoryApi.pin(threadId, seq);
      await client.invalidateQueries({ queryKey: ["memories"] });
      void client.invalidateQueries({ queryKey: ["thread", threadId, "context"] });
      toast(id ? t.feedback.unpinned : t.feedback.pinned);
    } catch (error) {
      toastError(error);
    } finally {
      setBusy(false);
    }
  };
  return { pinned: id !== undefined, busy, toggle: () => void toggle() };
}
