/** A question that a run puts to a person: approve, reject, or whatever its schema asks for. */
import { Check, MessageCircleQuestion, ShieldCheck, X } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import type { Json, Question } from "~/api/types";
import { t } from "~/strings";
import { type AnswerForm, answerForm, payloadOf } from "./answers";
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
  const title = useId();
  const Icon = form.kind === "approval" ? ShieldCheck : MessageCircleQuestion;
  return (
    <section aria-labelledby={title} className="animate-rise rounded-lg border border-warn-line bg-raised shadow-1">
      <header className="flex items-center gap-2 rounded-t-lg border-b border-warn-line bg-warn-soft px-3.5 py-2 text-sm">
        <Icon aria-hidden size={15} className="text-warn" />
        <h3 id={title} className="font-medium text-warn">{form.kind === "approval" ? t.question.title : t.question.ask}</h3>
        {payload.tool && <code className="ml-auto truncate font-mono text-xs text-ink">{payload.tool}</code>}
      </header>
      <div className="space-y-3 p-3.5">
        {payload.text && <p className="whitespace-pre-wrap">{payload.text}</p>}
        {payload.rest !== undefined && <JsonView value={payload.rest} label={t.tool.arguments} />}
        {form.kind === "approval" ? <Approval form={form} busy={busy} onSend={send} /> : <Fields form={form} busy={busy} onSend={send} />}
        {failure && <p role="alert" className="text-sm text-bad">{failure}</p>}
      </div>
    </section>
  );
}

const FIELD = "w-full rounded-md border border-line-strong bg-surface px-2.5 py-1.5 text-sm placeholder:text-ink-3 focus:border-accent";

type ApprovalForm = Extract<AnswerForm, { kind: "approval" }>;

function Approval({ form, busy, onSend }: { form: ApprovalForm; busy: boolean; onSend: (answer: Json) => void }) {
  const [reason, setReason] = useState("");
  const label = useId();
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button look="solid" disabled={busy} onClick={() => onSend(form.approve)}><Check size={15} /> {t.question.approve}</Button>
      <Button look="danger" disabled={busy} onClick={() => onSend(form.reject(reason.trim()))}><X size={15} /> {t.question.reject}</Button>
      {form.takesReason && (
        <>
          <label id={label} className="sr-only">{t.question.reason}</label>
          <input aria-labelledby={label} value={reason} onChange={(event) => setReason(event.target.value)} placeholder={t.question.reason} className={`${FIELD} min-w-40 flex-1 basis-40`} />
        </>
      )}
    </div>
  );
}

type FieldsForm = Exclude<AnswerForm, { kind: "approval" }>;

function Fields({ form, busy, onSend }: { form: FieldsForm; busy: boolean; onSend: (answer: Json) => void }) {
  const [text, setText] = useState(form.kind === "json" ? form.start : "");
  const [wrong, setWrong] = useState<string | null>(null);
  const id = useId();
  if (form.kind === "choice") {
    return (
      <div className="flex flex-wrap gap-2">
        {form.choices.map((choice) => (
          <Button key={JSON.stringify(choice)} disabled={busy} onClick={() => onSend(choice)}>{String(choice)}</Button>
        ))}
      </div>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    try {
      onSend(form.parse(text));
    } catch {
      setWrong(form.kind === "json" ? t.question.invalidJson : t.question.required);
    }
  };
  return (
    <form onSubmit={submit} className="space-y-2">
      <label htmlFor={id} className="text-xs font-medium text-ink-2">{form.kind === "json" ? t.question.json : t.question.answer}</label>
      <textarea id={id} value={text} aria-invalid={wrong !== null} aria-describedby={wrong ? `${id}-wrong` : undefined} rows={form.kind === "json" ? 4 : 2}
        onChange={(event) => { setText(event.target.value); setWrong(null); }}
        className={`${FIELD} field-auto max-h-72 resize-y ${form.kind === "json" ? "font-mono text-xs" : ""}`} />
      {wrong && <p id={`${id}-wrong`} role="alert" className="text-sm text-bad">{wrong}</p>}
      <Button look="solid" type="submit" disabled={busy}>{t.question.send}</Button>
    </form>
  );
}
