/** Thumbs, a correction, a label: what a person says of an answer or a run, and what was said of it. */
import { PencilLine, Tag, ThumbsDown, ThumbsUp, X } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import type { Remark } from "~/api/types";
import { t } from "~/strings";
import { Button, IconButton } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { Dialog } from "~/ui/Dialog";
import { FIELD } from "~/ui/question/Field";
import type { Said } from "./remarks";
import type { Voice } from "./useFeedback";

interface Props {
  said: Said;
  voice: Voice;
  /** Labels that were given before. */
  labels: readonly string[];
}

export function Thumbs({ said, voice, labels }: Props) {
  const [open, setOpen] = useState<"correction" | "label" | null>(null);
  const thumb = (value: "up" | "down") => {
    const Icon = value === "up" ? ThumbsUp : ThumbsDown;
    const chosen = said.thumb?.value === value;
    return (
      <IconButton
        small
        side="top"
        label={t.feedback.give[value]}
        aria-pressed={chosen}
        disabled={voice.busy}
        onClick={() => voice.thumb(value)}
        className={cx(chosen && (value === "up" ? "text-ok!" : "text-bad!"))}
      >
        <Icon size={14} fill={chosen ? "currentColor" : "none"} fillOpacity={0.25} />
      </IconButton>
    );
  };
  return (
    <>
      {thumb("up")}
      {thumb("down")}
      <IconButton small side="top" label={t.feedback.correct} onClick={() => setOpen("correction")}>
        <PencilLine size={14} />
      </IconButton>
      <IconButton small side="top" label={t.feedback.label} onClick={() => setOpen("label")}>
        <Tag size={14} />
      </IconButton>
      <Dialog
        open={open !== null}
        onOpenChange={(now) => !now && setOpen(null)}
        title={open === "label" ? t.feedback.label : t.feedback.correct}
      >
        {open && <Words kind={open} voice={voice} labels={labels} onDone={() => setOpen(null)} />}
      </Dialog>
    </>
  );
}

interface WordsProps {
  kind: "correction" | "label";
  voice: Voice;
  labels: readonly string[];
  onDone: () => void;
}

function Words({ kind, voice, labels, onDone }: WordsProps) {
  const [words, setWords] = useState("");
  const id = useId();
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (words.trim() && (await voice.say(kind, words.trim()))) onDone();
  };
  const common = { id, value: words, autoFocus: true, "aria-describedby": `${id}-help` };
  return (
    <form onSubmit={(event) => void save(event)} className="space-y-3">
      <label htmlFor={id} className="block text-xs font-medium text-ink-2">
        {kind === "label" ? t.feedback.labelField : t.feedback.correctField}
      </label>
      {kind === "label" ? (
        <>
          <input
            {...common}
            maxLength={200}
            list={`${id}-known`}
            onChange={(event) => setWords(event.target.value)}
            className={FIELD}
          />
          <datalist id={`${id}-known`}>
            {labels.map((label) => (
              <option key={label} value={label} />
            ))}
          </datalist>
        </>
      ) : (
        <textarea
          {...common}
          rows={4}
          maxLength={8000}
          onChange={(event) => setWords(event.target.value)}
          className={`${FIELD} field-auto max-h-72 resize-y`}
        />
      )}
      <p id={`${id}-help`} className="text-xs text-ink-3">
        {kind === "label" ? t.feedback.labelHelp : t.feedback.correctHelp}
      </p>
      <div className="flex justify-end">
        <Button look="solid" type="submit" disabled={voice.busy || !words.trim()}>
          {t.common.save}
        </Button>
      </div>
    </form>
  );
}

/** What was said, and a way to take it back. */
export function SaidList({ said, voice }: { said: Said; voice: Voice }) {
  if (said.corrections.length + said.labels.length === 0) return null;
  return (
    <ul aria-label={t.feedback.title} className="mt-1.5 flex flex-wrap gap-1.5">
      {said.labels.map((remark) => (
        <li
          key={remark.n}
          data-label={remark.value}
          className="inline-flex max-w-full items-center gap-1 rounded-full bg-sunken py-0.5 pr-0.5 pl-2.5 text-xs text-ink-2"
        >
          <Tag aria-hidden size={11} /> <span className="truncate">{remark.value}</span>
          <TakeBack remark={remark} voice={voice} />
        </li>
      ))}
      {said.corrections.map((remark) => (
        <li
          key={remark.n}
          data-correction
          className="flex w-full items-start gap-2 rounded-md border-l-2 border-accent-line bg-sunken py-1 pr-1 pl-3 text-sm"
        >
          <span className="min-w-0 flex-1 break-words whitespace-pre-wrap">
            <span className="text-xs text-ink-3">{t.feedback.said.correction}</span> {remark.value}
          </span>
          <TakeBack remark={remark} voice={voice} />
        </li>
      ))}
    </ul>
  );
}

function TakeBack({ remark, voice }: { remark: Remark; voice: Voice }) {
  return (
    <button
      type="button"
      aria-label={t.feedback.takeBack(remark.value.slice(0, 60))}
      disabled={voice.busy}
      onClick={() => voice.takeBack(remark)}
      className="grid size-5 shrink-0 place-items-center rounded-full hover:bg-hover hover:text-ink max-md:size-7"
    >
      <X aria-hidden size={12} />
    </button>
  );
}
