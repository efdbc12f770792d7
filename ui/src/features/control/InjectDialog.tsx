/** Says something to a run: now, before the next model call; or once it rests, as a run of its own. */
import { type FormEvent, useId, useState } from "react";
import { api } from "~/api/client";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { FIELD } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";
import { toast } from "~/ui/Toasts";
import type { Commands } from "./useCommand";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  runId: string;
  send: Commands["send"];
}

const WHEN = ["now", "idle"] as const;

export function InjectDialog({ open, onOpenChange, runId, send }: Props) {
  const [text, setText] = useState("");
  const [when, setWhen] = useState<"now" | "idle">("now");
  const [failure, setFailure] = useState<string | null>(null);
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setFailure(null);
    send("inject", () => api.inject(runId, text.trim(), when)).then(
      () => {
        onOpenChange(false);
        setText("");
        toast(t.control.injected[when]);
      },
      (error: unknown) => setFailure(messageOf(error)),
    );
  };
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t.control.injectTitle}>
      <form onSubmit={submit} className="space-y-4">
        <textarea
          aria-label={t.control.injectLabel}
          placeholder={t.control.injectLabel}
          value={text}
          autoFocus
          rows={3}
          onChange={(event) => setText(event.target.value)}
          className={`${FIELD} field-auto max-h-72 resize-y`}
        />
        <fieldset className="space-y-2">
          <legend className="sr-only">{t.control.when}</legend>
          {WHEN.map((one) => (
            <label key={one} className="flex items-start gap-2 text-sm">
              <input
                type="radio"
                name={id}
                checked={when === one}
                onChange={() => setWhen(one)}
                className="mt-1 accent-[var(--accent)]"
              />
              <span>
                {t.control.whenName[one]} <span className="block text-xs text-ink-3">{t.control.whenDetail[one]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {failure && (
          <p role="alert" className="text-sm text-bad">
            {failure}
          </p>
        )}
        <div className="flex justify-end">
          <Button look="solid" type="submit" disabled={text.trim() === ""}>
            {t.control.injectSend}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
