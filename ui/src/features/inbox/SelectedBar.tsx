/** Decides on several approvals at once. */
import { Check, X } from "lucide-react";
import { useState } from "react";
import type { Interrupt } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { answerForm } from "~/ui/question/answers";
import { FIELD } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";
import type { SendAnswers } from "./useAnswers";

interface Props {
  items: readonly Interrupt[];
  onAnswer: SendAnswers;
  onDone: () => void;
}

export function SelectedBar({ items, onAnswer, onDone }: Props) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const decide = (yes: boolean) => {
    setBusy(true);
    setFailure(null);
    const answers = items.flatMap((item) => {
      const form = answerForm(item);
      return form.kind === "approval" ? [[item, yes ? form.approve : form.reject(reason.trim())] as const] : [];
    });
    onAnswer(answers)
      .then(onDone, (error: unknown) => setFailure(messageOf(error)))
      .finally(() => setBusy(false));
  };
  return (
    <div
      role="group"
      aria-label={t.inbox.selected(items.length)}
      className="sticky bottom-4 mt-5 flex max-w-3xl flex-wrap items-center gap-2 rounded-lg border border-line bg-raised p-3 shadow-3"
    >
      <span className="mr-1 text-sm font-medium">{t.inbox.selected(items.length)}</span>
      <Button look="solid" disabled={busy} onClick={() => decide(true)}>
        <Check aria-hidden size={15} /> {t.inbox.approveAll}
      </Button>
      <Button look="danger" disabled={busy} onClick={() => decide(false)}>
        <X aria-hidden size={15} /> {t.inbox.rejectAll}
      </Button>
      <input
        aria-label={t.question.reason}
        placeholder={t.question.reason}
        value={reason}
        maxLength={500}
        onChange={(event) => setReason(event.target.value)}
        className={`${FIELD} w-auto! min-w-36 flex-1 basis-36`}
      />
      {failure && (
        <p role="alert" className="w-full text-sm text-bad">
          {failure}
        </p>
      )}
    </div>
  );
}
