/** Whether a tool may be called: approve, with other arguments too, reject with a reason, answer in its place. */
import { Check, Pencil, Reply, X } from "lucide-react";
import { type FormEvent, useMemo, useState } from "react";
import type { Json } from "~/api/types";
import { t } from "~/strings";
import { Button } from "../Button";
import type { Approval } from "./answers";
import { FIELD } from "./Field";
import { fieldOf } from "./schema";
import { SchemaForm } from "./SchemaForm";
import { Written } from "./Written";

interface Props {
  form: Approval;
  /** The arguments of the call, to edit. */
  payload: Json | undefined;
  busy: boolean;
  onSend: (answer: Json) => void;
  onEditing: (editing: boolean) => void;
}

type Mode = "decide" | "edit" | "reject" | "respond";

export function Decision({ form, payload, busy, onSend, onEditing }: Props) {
  const [mode, change] = useState<Mode>("decide");
  const setMode = (next: Mode) => {
    change(next);
    onEditing(next === "edit");
  };
  const back = (
    <Button look="quiet" onClick={() => setMode("decide")}>
      {t.question.back}
    </Button>
  );
  const { edit, respond } = form;
  const field = useMemo(() => fieldOf(form.parameters), [form.parameters]);
  if (mode === "edit" && edit) {
    return (
      <SchemaForm
        field={{ ...field, title: t.question.editLabel }}
        start={payload ?? {}}
        busy={busy}
        autoFocus
        action={t.question.approveEdited}
        onSend={(value) => onSend(edit(value))}
      >
        {back}
      </SchemaForm>
    );
  }
  if (mode === "respond" && respond) {
    return (
      <Written
        label={t.question.respondLabel}
        busy={busy}
        autoFocus
        action={t.question.send}
        onSend={(text) => onSend(respond(text))}
      >
        {back}
      </Written>
    );
  }
  if (mode === "reject") return <Reject form={form} busy={busy} onSend={onSend} back={back} />;
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button look="solid" disabled={busy} onClick={() => onSend(form.approve)}>
        <Check aria-hidden size={15} /> {form.plain ? t.question.yes : t.question.approve}
      </Button>
      <Button
        look="danger"
        disabled={busy}
        onClick={() => (form.takesReason ? setMode("reject") : onSend(form.reject("")))}
      >
        <X aria-hidden size={15} /> {form.plain ? t.question.no : t.question.reject}
        {form.takesReason && "…"}
      </Button>
      {edit && (
        <Button look="quiet" disabled={busy} onClick={() => setMode("edit")}>
          <Pencil aria-hidden size={14} /> {t.question.edit}
        </Button>
      )}
      {respond && (
        <Button look="quiet" disabled={busy} onClick={() => setMode("respond")}>
          <Reply aria-hidden size={14} /> {t.question.respond}
        </Button>
      )}
    </div>
  );
}

function Reject({ form, busy, onSend, back }: Pick<Props, "form" | "busy" | "onSend"> & { back: React.ReactNode }) {
  const [reason, setReason] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSend(form.reject(reason.trim()));
  };
  return (
    <form onSubmit={submit} className="space-y-3">
      <input
        aria-label={t.question.reason}
        value={reason}
        autoFocus
        maxLength={500}
        onChange={(event) => setReason(event.target.value)}
        placeholder={t.question.reason}
        className={FIELD}
      />
      <div className="flex gap-2">
        <Button look="danger" type="submit" disabled={busy}>
          <X aria-hidden size={15} /> {t.question.reject}
        </Button>
        {back}
      </div>
    </form>
  );
}
