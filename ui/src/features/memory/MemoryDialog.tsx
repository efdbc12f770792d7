/** The form of a memory, for one that is new and for one that is changed. */
import { useQuery } from "@tanstack/react-query";
import { type ChangeEvent, type FormEvent, type ReactNode, useId, useState } from "react";
import { memoryApi } from "~/api/memory";
import { agentsQuery } from "~/api/queries";
import { type Memory, SHELVES } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { FIELD, Labelled } from "~/ui/question/Field";
import { BLANK, changeOf, type Draft, draftOf, type Missing, missing, newOf, WRITTEN } from "./lore";
import { useMemoryAction } from "./useMemoryAction";

interface Opened {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function NewMemory({
  user,
  onDone,
  ...opened
}: Opened & { user: string | undefined; onDone: (id: string) => void }) {
  const { busy, act } = useMemoryAction();
  const save = async (draft: Draft) => {
    const done = await act(async () => onDone((await memoryApi.add(newOf(draft), user)).id), t.memory.saved);
    if (done) opened.onOpenChange(false);
  };
  return (
    <Dialog {...opened} wide title={t.memory.newTitle}>
      <Form start={BLANK} isNew busy={busy} onSave={(draft) => void save(draft)} />
    </Dialog>
  );
}

export function EditMemory({ memory, ...opened }: Opened & { memory: Memory }) {
  const { busy, act } = useMemoryAction();
  const start = draftOf(memory);
  const save = async (draft: Draft) => {
    const change = changeOf(start, draft);
    const same = Object.keys(change).length === 0;
    if (same || (await act(() => memoryApi.change(memory.id, change), t.memory.saved))) opened.onOpenChange(false);
  };
  return (
    <Dialog {...opened} wide title={t.memory.editTitle}>
      <Form start={start} isNew={false} busy={busy} onSave={(draft) => void save(draft)} />
    </Dialog>
  );
}

interface FormProps {
  start: Draft;
  isNew: boolean;
  busy: boolean;
  onSave: (draft: Draft) => void;
}

function Form({ start, isNew, busy, onSave }: FormProps) {
  const [draft, setDraft] = useState(start);
  const [wrong, setWrong] = useState<Missing | null>(null);
  const id = useId();
  const set = (part: Partial<Draft>) => {
    setWrong(null);
    setDraft((now) => ({ ...now, ...part }));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const [first] = missing(draft, isNew);
    setWrong(first ?? null);
    if (first) document.getElementById(`${id}-${first}`)?.focus();
    else onSave(draft);
  };
  const field = (name: keyof Draft & string, label: string, control: ReactNode, help?: string) => (
    <Labelled
      id={`${id}-${name}`}
      label={label}
      help={help}
      problem={wrong === name ? t.memory.missing[wrong] : undefined}
    >
      {control}
    </Labelled>
  );
  const bind = (name: keyof Draft & string) => ({
    id: `${id}-${name}`,
    value: String(draft[name]),
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) =>
      set({ [name]: event.target.value } as Partial<Draft>),
    "aria-invalid": wrong === name,
    className: FIELD,
  });
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      {field(
        "text",
        t.memory.text,
        <textarea
          {...bind("text")}
          autoFocus
          rows={3}
          maxLength={8000}
          placeholder={t.memory.textExample}
          className={`${FIELD} field-auto max-h-60 resize-y`}
        />,
      )}
      <div className="grid gap-4 sm:grid-cols-2">
        {isNew &&
          field(
            "of",
            t.memory.of,
            <select {...bind("of")}>
              {SHELVES.map((of) => (
                <option key={of} value={of}>
                  {t.memory.shelf[of]}
                </option>
              ))}
            </select>,
          )}
        {field(
          "kind",
          t.memory.kindOf,
          <select {...bind("kind")}>
            {WRITTEN.map((kind) => (
              <option key={kind} value={kind}>
                {t.memory.kind[kind]}
              </option>
            ))}
          </select>,
        )}
        {isNew && (draft.of === "agent" || draft.of === "practice") && (
          <AgentField field={field} bind={bind("agent")} />
        )}
        {isNew &&
          draft.of === "thread" &&
          field("thread", t.memory.thread, <input {...bind("thread")} spellCheck={false} />, t.memory.threadHelp)}
        {isNew &&
          field("subject", t.memory.subject, <input {...bind("subject")} placeholder={t.memory.subjectExample} />)}
        {isNew &&
          field(
            "attribute",
            t.memory.attribute,
            <input {...bind("attribute")} placeholder={t.memory.attributeExample} />,
            t.memory.attributeHelp,
          )}
      </div>
      <label className="flex items-center gap-2 text-sm">
        <input
          type="checkbox"
          checked={draft.pinned}
          onChange={(event) => set({ pinned: event.target.checked })}
          className="size-4 accent-[var(--accent)] max-md:size-5"
        />
        {t.memory.keep}
      </label>
      <details className="rounded-md border border-line px-3 py-2" open={wrong === "until" || undefined}>
        <summary className="cursor-pointer text-sm text-ink-2">{t.memory.more}</summary>
        <div className="mt-3 grid gap-4 pb-1 sm:grid-cols-2">
          {isNew && field("since", t.memory.from, <input type="date" {...bind("since")} />, t.memory.fromHelp)}
          {field("until", t.memory.until, <input type="date" {...bind("until")} />)}
          {field("expires", t.memory.expiry, <input type="date" {...bind("expires")} />)}
          {field(
            "importance",
            `${t.memory.importance}: ${draft.importance} %`,
            <input
              {...bind("importance")}
              type="range"
              min={0}
              max={100}
              step={1}
              onChange={(event) => set({ importance: Number(event.target.value) })}
              className="w-full accent-[var(--accent)]"
            />,
          )}
        </div>
      </details>
      <div className="flex justify-end">
        <Button look="solid" type="submit" disabled={busy}>
          {t.common.save}
        </Button>
      </div>
    </form>
  );
}

function AgentField({
  field,
  bind,
}: {
  field: (name: "agent", label: string, control: ReactNode) => ReactNode;
  bind: React.SelectHTMLAttributes<HTMLSelectElement>;
}) {
  const agents = useQuery(agentsQuery).data ?? [];
  return field(
    "agent",
    t.memory.agent,
    <select {...bind}>
      <option value="">{t.question.choose}</option>
      {agents
        .filter(({ memory }) => memory)
        .map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
    </select>,
  );
}
