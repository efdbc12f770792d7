/** A question that a run puts to a person: what is asked, until when, and the form that its schema asks for. */
import { CircleHelp, Clock, MessageCircleQuestion, ShieldCheck } from "lucide-react";
import { type ReactNode, useId, useMemo, useState } from "react";
import type { Json, Question } from "~/api/types";
import { t } from "~/strings";
import { Button } from "../Button";
import { cx } from "../cx";
import { duration, moment } from "../format";
import { JsonView } from "../JsonView";
import { messageOf } from "../States";
import { useNow } from "../useNow";
import { type AnswerForm, answerForm, payloadOf } from "./answers";
import { Decision } from "./Decision";
import { Outcome } from "./Outcome";
import { SchemaForm } from "./SchemaForm";
import { Written } from "./Written";

interface Props {
  question: Question;
  onAnswer: (answer: Json) => Promise<unknown>;
  /** Who asks and where, for a question that stands away from its run. */
  from?: ReactNode;
  /** At the left of the head. */
  select?: ReactNode;
}

const ICONS = { approval: ShieldCheck, outcome: CircleHelp, question: MessageCircleQuestion } as const;

export function QuestionCard({ question, onAnswer, from, select }: Props) {
  const form = useMemo(() => answerForm(question), [question]);
  const payload = useMemo(() => payloadOf(question.payload), [question]);
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
  const kind = form.kind === "outcome" ? "outcome" : form.kind === "approval" && payload.tool ? "approval" : "question";
  const Icon = ICONS[kind];
  return (
    <section
      aria-labelledby={title}
      data-question={question.id}
      className="animate-rise rounded-lg border border-warn-line bg-raised shadow-1"
    >
      <header className="flex flex-wrap items-center gap-x-2 gap-y-0.5 rounded-t-lg border-b border-warn-line bg-warn-soft px-3.5 py-2 text-sm">
        {select}
        <Icon aria-hidden size={15} className="text-warn" />
        <h3 id={title} className="font-medium text-warn">
          {{ approval: t.question.title, outcome: t.question.outcome, question: t.question.ask }[kind]}
        </h3>
        {payload.tool && <code className="min-w-0 truncate font-mono text-xs text-ink">{payload.tool}</code>}
        <Expiry at={question.expires_at ?? null} />
      </header>
      <div className="space-y-3 p-3.5">
        {from}
        {payload.text && <p className="break-words whitespace-pre-wrap">{payload.text}</p>}
        {payload.rest !== undefined && !editing && <JsonView value={payload.rest} label={t.tool.arguments} />}
        <Answering form={form} payload={payload.rest} busy={busy} onSend={send} onEditing={setEditing} />
        {failure && (
          <p role="alert" className="text-sm break-words text-bad">
            {failure}
          </p>
        )}
      </div>
    </section>
  );
}

interface AnsweringProps {
  form: AnswerForm;
  payload: Json | undefined;
  busy: boolean;
  onSend: (answer: Json) => void;
  onEditing: (editing: boolean) => void;
}

function Answering({ form, payload, busy, onSend, onEditing }: AnsweringProps) {
  switch (form.kind) {
    case "approval":
      return <Decision form={form} payload={payload} busy={busy} onSend={onSend} onEditing={onEditing} />;
    case "outcome":
      return <Outcome busy={busy} onSend={onSend} />;
    case "choice":
      return (
        <div className="flex flex-wrap gap-2">
          {form.choices.map((choice) => (
            <Button key={JSON.stringify(choice)} disabled={busy} onClick={() => onSend(choice)}>
              {String(choice)}
            </Button>
          ))}
        </div>
      );
    case "text":
      return (
        <Written
          label={t.question.answer}
          busy={busy}
          action={t.question.send}
          onSend={(text) => onSend(form.parse(text))}
        />
      );
    case "form":
      return <SchemaForm field={form.field} start={form.start} busy={busy} action={t.question.send} onSend={onSend} />;
  }
}

/** Until when it can be answered; near the end it counts down. */
function Expiry({ at }: { at: number | null }) {
  const now = useNow(at !== null, 1000);
  if (at === null) return null;
  const left = at - now;
  return (
    <time
      dateTime={new Date(at * 1000).toISOString()}
      title={moment(at)}
      className={cx("tnum ml-auto flex items-center gap-1 text-xs", left < 60 ? "font-medium text-bad" : "text-ink-2")}
    >
      <Clock aria-hidden size={12} /> {left > 0 ? t.question.expires(duration(left)) : t.question.expired}
    </time>
  );
}
