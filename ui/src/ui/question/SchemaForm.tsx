/** A form made from a JSON Schema; whoever prefers it writes JSON. */
import { Braces, TextCursorInput } from "lucide-react";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import type { Json } from "~/api/types";
import { t } from "~/strings";
import { Button } from "../Button";
import { describedBy, FIELD, Labelled } from "./Field";
import { type Draft, draftOf, type Field, type Problems, valueOf } from "./schema";

interface Props {
  field: Field;
  start: Json;
  busy: boolean;
  action: string;
  onSend: (value: Json) => void;
  /** Beside the button: how to get back. */
  children?: ReactNode;
  autoFocus?: boolean;
}

const NONE: Problems = new Map();

export function SchemaForm({ field, start, busy, action, onSend, children, autoFocus }: Props) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(field, start));
  const [raw, setRaw] = useState<string | null>(null);
  const [problems, setProblems] = useState<Problems>(NONE);
  const id = useId();
  const asJson: Field = { ...field, kind: "json", sample: null, title: t.question.json };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const told = raw === null ? valueOf(field, draft) : valueOf(asJson, raw);
    setProblems(told.problems);
    if (told.problems.size === 0) onSend(told.value);
    else document.getElementById(`${id}.${[...told.problems.keys()][0]}`)?.focus();
  };
  const toggle = () => {
    setProblems(NONE);
    if (raw === null) setRaw(JSON.stringify(valueOf(field, draft).value ?? start ?? null, null, 2));
    else {
      const { value, problems: wrong } = valueOf(asJson, raw);
      if (wrong.size > 0) return setProblems(wrong);
      setDraft(draftOf(field, value));
      setRaw(null);
    }
  };
  return (
    <form onSubmit={submit} noValidate className="space-y-3">
      {raw === null ? (
        <Control
          field={field}
          path=""
          base={id}
          draft={draft}
          problems={problems}
          onChange={setDraft}
          first={autoFocus}
        />
      ) : (
        <Control
          field={asJson}
          path=""
          base={id}
          draft={raw}
          problems={problems}
          onChange={(text) => setRaw(String(text))}
        />
      )}
      <div className="flex flex-wrap items-center gap-2">
        <Button look="solid" type="submit" disabled={busy}>
          {action}
        </Button>
        {children}
        {field.kind !== "json" && (
          <Button look="quiet" className="ml-auto" onClick={toggle}>
            {raw === null ? <Braces aria-hidden size={14} /> : <TextCursorInput aria-hidden size={14} />}
            {raw === null ? t.question.asJson : t.question.asForm}
          </Button>
        )}
      </div>
    </form>
  );
}

interface ControlProps {
  field: Field;
  path: string;
  /** What ids begin with. */
  base: string;
  draft: Draft;
  problems: Problems;
  onChange: (draft: Draft) => void;
  first?: boolean | undefined;
}

function Control(props: ControlProps) {
  const { field, path, base, draft, problems, onChange, first } = props;
  if (field.kind === "group") return <Group {...props} field={field} />;
  const id = `${base}.${path}`;
  const problem = problems.get(path);
  if (field.kind === "flag") {
    return (
      <div className="flex items-start gap-2">
        <input
          id={id}
          type="checkbox"
          checked={draft === true}
          onChange={(event) => onChange(event.target.checked)}
          aria-describedby={describedBy(id, field.help, problem)}
          className="mt-0.5 size-4 accent-[var(--accent)]"
        />
        <label htmlFor={id} className="text-sm">
          {field.title || t.question.answer}
          {field.help && (
            <span id={`${id}-help`} className="block text-xs text-ink-3">
              {field.help}
            </span>
          )}
        </label>
      </div>
    );
  }
  const common = {
    id,
    value: typeof draft === "string" ? draft : "",
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
    "aria-invalid": problem !== undefined,
    "aria-describedby": describedBy(id, field.help, problem),
    "aria-required": !field.optional,
    autoFocus: first ?? false,
  };
  return (
    <Labelled
      id={id}
      label={field.title || t.question.answer}
      help={field.help ?? (field.kind === "lines" ? t.question.lines : null)}
      problem={problem && t.question.problem[problem]}
      optional={field.optional || field.nullable ? t.question.optional : null}
    >
      {input(field, common)}
    </Labelled>
  );
}

function input(field: Exclude<Field, { kind: "group" | "flag" }>, common: Record<string, unknown>): ReactNode {
  switch (field.kind) {
    case "choice":
      return (
        <select {...common} className={FIELD}>
          <option value="">{field.optional || field.nullable ? t.common.none : t.question.choose}</option>
          {field.choices.map((choice, at) => (
            <option key={at} value={at}>
              {typeof choice === "string" ? choice : JSON.stringify(choice)}
            </option>
          ))}
        </select>
      );
    case "number":
      return <input {...common} inputMode={field.whole ? "numeric" : "decimal"} className={`${FIELD} tnum max-w-48`} />;
    case "lines":
      return <textarea {...common} rows={3} className={`${FIELD} field-auto max-h-72 resize-y`} />;
    case "json":
      return (
        <textarea
          {...common}
          rows={5}
          spellCheck={false}
          className={`${FIELD} field-auto max-h-72 resize-y font-mono text-xs!`}
        />
      );
    default:
      return field.long ? (
        <textarea {...common} rows={3} className={`${FIELD} field-auto max-h-72 resize-y`} />
      ) : (
        <input {...common} type={field.input} className={FIELD} />
      );
  }
}

function Group({
  field,
  path,
  base,
  draft,
  problems,
  onChange,
  first,
}: ControlProps & { field: Extract<Field, { kind: "group" }> }) {
  const drafts = typeof draft === "object" ? draft : {};
  const fields = [...field.fields].map(([name, one], at) => (
    <Control
      key={name}
      field={one}
      path={path ? `${path}.${name}` : name}
      base={base}
      draft={drafts[name] ?? ""}
      problems={problems}
      onChange={(next) => onChange({ ...drafts, [name]: next })}
      first={first && at === 0}
    />
  ));
  if (path === "") return <div className="grid gap-3">{fields}</div>;
  return (
    <fieldset className="grid gap-3 rounded-md border border-line p-3">
      <legend className="px-1 text-xs font-medium text-ink-2">{field.title}</legend>
      {fields}
    </fieldset>
  );
}
