/** Ends a run with all below it; the reason goes on record. */
import { type FormEvent, useId, useState } from "react";
import { api } from "~/api/client";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { FIELD } from "~/ui/question/Field";
import { toastError } from "~/ui/Toasts";
import type { Commands } from "./useCommand";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  runId: string;
  send: Commands["send"];
}

export function AbortDialog({ open, onOpenChange, runId, send }: Props) {
  const [reason, setReason] = useState("");
  const id = useId();
  const abort = (event: FormEvent) => {
    event.preventDefault();
    onOpenChange(false);
    void send("abort", () => api.cancelRun(runId, reason.trim() || undefined)).catch(toastError);
  };
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t.control.abortTitle}>
      <form onSubmit={abort}>
        <p className="text-sm text-ink-2">{t.control.abortDetail}</p>
        <label htmlFor={id} className="mt-4 mb-1 block text-xs font-medium text-ink-2">
          {t.question.reason}
        </label>
        <input
          id={id}
          autoFocus
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.target.value)}
          className={FIELD}
        />
        <div className="mt-5 flex justify-end gap-2">
          <Button look="quiet" onClick={() => onOpenChange(false)}>
            {t.common.cancel}
          </Button>
          <Button look="danger" type="submit">
            {t.control.abortNow}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
