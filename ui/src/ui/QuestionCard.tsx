/** A question that a run puts to a person: approve, reject, or whatever its schema asks for. */
import { Check, MessageCircleQuestion, Pencil, Reply, ShieldCheck, X } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import type { Json, Question } from "~/api/types";
import { t } from "~/strings";
import { type AnswerForm, answerForm, type Approval, payloadOf } from "./answers";
import { Button } from "./Button";
import { JsonView } from "./JsonView";
import { messageOf } from "./States";

interface Props {
  question: Question;
  onAnswer: (answer: Json) => Promise<unknown>;
}

export function QuestionCard({ question, onAnswer }: Props) {
  const form = answerForm(question);
  const payload = payloadOf(question.payload);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const send = (answer: Json) => {
    setBusy(true);
    setFailure(null);
    onAnswer(answer).catch((error: unknown) => {
      setFailure(messageOf(error));
      setBusy(false);
    });
  };
  const [editing, setEditing] = useState(false);
  const title = useId();
  const Icon = form.kind === "approval" ? ShieldCheck : MessageCircleQuestion;
  return (
    <section aria-labelledby={title} className="animate-rise rounded-lg border border-warn-line bg-raised shadow-1">
      <header className="flex items-center gap-2 rounded-t-lg border-b border-warn-line bg-warn-soft px-3.5 py-2 text-sm">
        <Icon aria-hidden size={15} className="text-warn" />
        <h3 id={title} className="font-medium text-warn">
          {form.kind === "approval" ? t.question.title : t.question.ask}
        </h3>
        {payload.tool && <code className="ml-auto truncate font-mono text-xs text-ink">{payload.tool}</code>}
      </header>
      <div className="space-y-3 p-3.5">
        {payload.text && <p className="whitespace-pre-wrap">{payload.text}</p>}
        {payload.rest !== undefined && !editing && <JsonView value={payload.rest} label={t.tool.arguments} />}
        {form.kind === "approval" ? (
          <Decision form={form} payload={payload.rest} busy={busy} onSend={send} onEditing={setEditing} />
        ) : (
          <Fields form={form} busy={busy} onSend={send} />
        )}
        {failure && (
          <p role="alert" className="text-sm text-bad">
            {failure}
          </p>
        )}
      </div>
    </section>
  );
}

const FIELD =
  "w-full rounded-md border border-line-strong bg-surface px-2.5 py-1.5 text-sm placeholder:text-ink-3 focus:border-accent focus-visible:outline-offset-0";

interface DecisionProps {
  form: Approval;
  /** The arguments of the call, to edit. */
  payload: Json | undefined;
  busy: boolean;
  onSend: (answer: Json) => void;
  onEditing: (editing: boolean) => void;
}

function Decision({ form, payload, busy, onSend, onEditing }: DecisionProps) {
  const [reason, setReason] = useState("");
  const [mode, change] = useState<"decide" | "edit" | "respond">("decide");
  const setMode = (next: typeof mode) => {
    change(next);
    onEditing(next === "edit");
  };
  const { edit, respond } = form;
  if (mode === "edit" && edit) {
    return (
      <Written
        label={t.question.editLabel}
        start={JSON.stringify(payload ?? {}, null, 2)}
        json
        busy={busy}
        action={t.question.approveEdited}
        onSend={(text) => onSend(edit(JSON.parse(text) as Json))}
        onBack={() => setMode("decide")}
      />
    );
  }
  if (mode === "respond" && respond) {
    return (
      <Written
        label={t.question.respondLabel}
        start=""
        busy={busy}
        action={t.question.send}
        onSend={(text) => onSend(respond(text))}
        onBack={() => setMode("decide")}
      />
    );
  }
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button look="solid" disabled={busy} onClick={() => onSend(form.approve)}>
        <Check aria-hidden size={15} /> {t.question.approve}
      </Button>
      <Button look="danger" disabled={busy} onClick={() => onSend(form.reject(reason.trim()))}>
        <X aria-hidden size={15} /> {t.question.reject}
      </Button>
      {form.takesReason && (
        <input
          aria-label={t.question.reason}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          placeholder={t.question.reason}
          className={`${FIELD} w-auto! min-w-36 flex-1 basis-36`}
        />
      )}
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

interface WrittenProps {
  label: string;
  start: string;
  json?: boolean;
  busy: boolean;
  action: string;
  /** Throws where the text does not do. */
  onSend: (text: string) => void;
  onBack?: () => void;
}

/** A field for a longer answer, checked before it is sent. */
function Written({ label, start, json = false, busy, action, onSend, onBack }: WrittenProps) {
  const [text, setText] = useState(start);
  const [wrong, setWrong] = useState<string | null>(null);
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    try {
      onSend(text);
    } catch {
      setWrong(json ? t.question.invalidJson : t.question.required);
    }
  };
  return (
    <form onSubmit={submit} className="space-y-2">
      <label htmlFor={id} className="block text-xs font-medium text-ink-2">
        {label}
      </label>
      <textarea
        id={id}
        value={text}
        aria-invalid={wrong !== null}
        aria-describedby={wrong ? `${id}-wrong` : undefined}
        rows={json ? 4 : 2}
        autoFocus={onBack !== undefined}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(null);
        }}
        className={`${FIELD} field-auto max-h-72 resize-y ${json ? "font-mono text-xs!" : ""}`}
      />
      {wrong && (
        <p id={`${id}-wrong`} role="alert" className="text-sm text-bad">
          {wrong}
        </p>
      )}
      <div className="flex gap-2">
        <Button look="solid" type="submit" disabled={busy}>
          {action}
        </Button>
        {onBack && (
          <Button look="quiet" onClick={onBack}>
            {t.question.back}
          </Button>
        )}
      </div>
    </form>
  );
}

type FieldsForm = Exclude<AnswerForm, { kind: "approval" }>;

function Fields({ form, busy, onSend }: { form: FieldsForm; busy: boolean; onSend: (answer: Json) => void }) {
  if (form.kind === "choice") {
    return (
      <div className="flex flex-wrap gap-2">
        {form.choices.map((choice) => (
          <Button key={JSON.stringify(choice)} disabled={busy} onClick={() => onSend(choice)}>
            {String(choice)}
          </Button>
        ))}
      </div>
    );
  }
  const json = form.kind === "json";
  return (
    <Written
      label={json ? t.question.json : t.question.answer}
      start={json ? form.start : ""}
      json={json}
      busy={busy}
      action={t.question.send}
      onSend={(text) => onSend(form.parse(text))}
    />
  );
}
