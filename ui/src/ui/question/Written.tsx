/** A field for a longer answer, checked before it is sent. */
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { t } from "~/strings";
import { Button } from "../Button";
import { describedBy, FIELD, Labelled } from "./Field";

interface Props {
  label: string;
  busy: boolean;
  action: string;
  /** Throws where the text does not do. */
  onSend: (text: string) => void;
  autoFocus?: boolean;
  /** Beside the button: how to get back. */
  children?: ReactNode;
}

export function Written({ label, busy, action, onSend, autoFocus = false, children }: Props) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    try {
      onSend(text);
    } catch {
      setWrong(true);
    }
  };
  return (
    <form onSubmit={submit} className="space-y-3">
      <Labelled id={id} label={label} problem={wrong && t.question.problem.required}>
        <textarea
          id={id}
          value={text}
          aria-invalid={wrong}
          aria-describedby={describedBy(id, false, wrong)}
          rows={2}
          autoFocus={autoFocus}
          onChange={(event) => {
            setText(event.target.value);
            setWrong(false);
          }}
          className={`${FIELD} field-auto max-h-72 resize-y`}
        />
      </Labelled>
      <div className="flex gap-2">
        <Button look="solid" type="submit" disabled={busy}>
          {action}
        </Button>
        {children}
      </div>
    </form>
  );
}
