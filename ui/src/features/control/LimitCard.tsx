/** A limit stopped a run: which one, and how it goes on with a higher one. */
import { Gauge, Play } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { api } from "~/api/client";
import type { Limits } from "~/api/types";
import { higher } from "~/run/standing";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { FIELD } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";

type Name = keyof Limits;
const NAMES = Object.keys(t.limit.name) as Name[];

export function LimitCard({ live }: { live: LiveRun }) {
  const { view, run } = live;
  const [code, ...rest] = (run?.error ?? "").split(": ");
  const message = (view.limit?.message ?? rest.join(": ")).split("; to go on")[0]!;
  const budget = view.pause === "budget" || code === "budget";
  const name = NAMES.find((one) => one === view.limit?.limit) ?? null;
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const title = useId();
  const goOn = (limits?: Limits) => {
    setBusy(true);
    setFailure(null);
    api.answerRun(view.runId, {}, limits).then(
      (moved) => {
        setBusy(false);
        live.poke(moved);
      },
      (error: unknown) => {
        setBusy(false);
        setFailure(messageOf(error));
      },
    );
  };
  return (
    <section
      aria-labelledby={title}
      className="animate-rise rounded-lg border border-warn-line bg-raised shadow-1"
      data-limit={view.limit?.limit}
    >
      <header className="flex items-center gap-2 rounded-t-lg border-b border-warn-line bg-warn-soft px-3.5 py-2 text-sm">
        <Gauge aria-hidden size={15} className="text-warn" />
        <h3 id={title} className="font-medium text-warn">
          {budget ? t.limit.budget : name ? t.limit.reached(t.limit.name[name]!) : t.limit.title}
        </h3>
      </header>
      <div className="space-y-3 p-3.5">
        <p className="break-words">{message.charAt(0).toUpperCase() + message.slice(1)}.</p>
        {budget ? (
          <>
            <p className="text-sm text-ink-2">{t.limit.budgetDetail}</p>
            <Button disabled={busy} onClick={() => goOn()}>
              <Play aria-hidden size={14} /> {t.common.retry}
            </Button>
          </>
        ) : (
          <Raise key={name} name={name ?? "turns"} start={higher(message)} busy={busy} onSend={goOn} />
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

interface RaiseProps {
  name: Name;
  start: number | null;
  busy: boolean;
  onSend: (limits: Limits) => void;
}

function Raise({ name, start, busy, onSend }: RaiseProps) {
  const [text, setText] = useState<Partial<Record<Name, string>>>({ [name]: start === null ? "" : String(start) });
  const [wrong, setWrong] = useState<Name | null>(null);
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const given = NAMES.map((one) => [one, text[one]?.trim() ?? ""] as const).filter(([, value]) => value !== "");
    const bad = given.find(([, value]) => !(Number(value) > 0));
    if (bad) return setWrong(bad[0]);
    onSend(Object.fromEntries(given.map(([one, value]) => [one, Number(value)])));
  };
  const field = (one: Name) => (
    <div key={one}>
      <label htmlFor={`${id}-${one}`} className="mb-1 block text-xs font-medium text-ink-2">
        {t.limit.name[one]}
      </label>
      <input
        id={`${id}-${one}`}
        inputMode="decimal"
        value={text[one] ?? ""}
        placeholder={t.limit.none}
        aria-invalid={wrong === one}
        onChange={(event) => {
          setText({ ...text, [one]: event.target.value });
          setWrong(null);
        }}
        className={`${FIELD} tnum`}
      />
    </div>
  );
  return (
    <form onSubmit={submit} className="space-y-3">
      <div className="max-w-48">{field(name)}</div>
      <details className="text-sm">
        <summary className="w-fit rounded-sm text-ink-2 hover:text-ink">{t.limit.others}</summary>
        <p className="mt-1 text-xs text-ink-3">{t.limit.instead}</p>
        <div className="mt-2 grid grid-cols-3 gap-2 max-md:grid-cols-2">
          {NAMES.filter((one) => one !== name).map(field)}
        </div>
      </details>
      {wrong && (
        <p role="alert" className="text-sm text-bad">
          {t.question.problem.number}
        </p>
      )}
      <Button look="solid" type="submit" disabled={busy}>
        <Play aria-hidden size={14} /> {t.limit.goOn}
      </Button>
    </form>
  );
}
