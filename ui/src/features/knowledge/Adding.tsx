/** How documents come in: files that are dropped or chosen, a web page, a text. */
import { useQueryClient } from "@tanstack/react-query";
import { FileUp, Globe, Type, X } from "lucide-react";
import { type DragEvent, type FormEvent, useId, useRef, useState } from "react";
import { knowledgeApi } from "~/api/knowledge";
import { t } from "~/strings";
import { Button, IconButton } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { Dialog } from "~/ui/Dialog";
import { FIELD, Labelled } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";
import { useUploads, type Upload } from "./useUploads";

export function Adding({ collection }: { collection: string }) {
  const { uploads, send, dismiss } = useUploads(collection);
  const [over, setOver] = useState(false);
  const [open, setOpen] = useState<"url" | "text" | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    send([...event.dataTransfer.files]);
  };
  return (
    <section
      aria-label={t.knowledge.add}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => event.currentTarget.contains(event.relatedTarget as Node | null) || setOver(false)}
      onDrop={drop}
      className={cx(
        "mb-6 rounded-lg border border-dashed px-4 py-5 transition-colors",
        over ? "border-accent bg-accent-soft" : "border-line-strong bg-surface",
      )}
    >
      <div className="flex flex-wrap items-center gap-x-4 gap-y-3">
        <FileUp aria-hidden size={20} className="text-ink-3 max-md:hidden" />
        <div className="min-w-0 flex-1 basis-64">
          <p className="font-medium">{over ? t.knowledge.dropNow : t.knowledge.drop}</p>
          <p className="text-xs text-ink-3">{t.knowledge.dropDetail}</p>
        </div>
        <div className="flex flex-wrap gap-2">
          <input
            ref={files}
            type="file"
            multiple
            hidden
            onChange={(event) => {
              send([...(event.target.files ?? [])]);
              event.target.value = "";
            }}
          />
          <Button look="solid" onClick={() => files.current?.click()}>
            {t.knowledge.files}
          </Button>
          <Button onClick={() => setOpen("url")}>
            <Globe aria-hidden size={14} /> {t.knowledge.url}
          </Button>
          <Button onClick={() => setOpen("text")}>
            <Type aria-hidden size={14} /> {t.knowledge.text}
          </Button>
        </div>
      </div>
      {uploads.length > 0 && (
        <ul className="mt-4 space-y-2" aria-live="polite">
          {uploads.map((one) => (
            <Sending key={one.key} one={one} onDismiss={() => dismiss(one.key)} />
          ))}
        </ul>
      )}
      <Dialog
        open={open !== null}
        onOpenChange={(now) => !now && setOpen(null)}
        wide={open === "text"}
        title={open === "text" ? t.knowledge.textTitle : t.knowledge.urlTitle}
      >
        {open && <Written kind={open} collection={collection} onDone={() => setOpen(null)} />}
      </Dialog>
    </section>
  );
}

function Sending({ one, onDismiss }: { one: Upload; onDismiss: () => void }) {
  const part = Math.round(one.part * 100);
  return (
    <li data-upload={one.name} className="flex items-center gap-3 text-sm">
      <span className="min-w-0 flex-1 truncate">{one.name}</span>
      {one.problem ? (
        <span role="alert" className="min-w-0 break-words text-bad">
          {one.problem || t.knowledge.failedUpload}
        </span>
      ) : (
        <span
          role="progressbar"
          aria-label={t.knowledge.uploading(one.name)}
          aria-valuenow={part}
          aria-valuemin={0}
          aria-valuemax={100}
          className="h-1.5 w-40 overflow-hidden rounded-full bg-sunken"
        >
          <span className="block h-full rounded-full bg-accent" style={{ width: `${part}%` }} />
        </span>
      )}
      <IconButton small label={t.knowledge.dismiss(one.name)} onClick={onDismiss}>
        <X size={14} />
      </IconButton>
    </li>
  );
}

interface WrittenProps {
  kind: "url" | "text";
  collection: string;
  onDone: () => void;
}

function Written({ kind, collection, onDone }: WrittenProps) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [words, setWords] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const isText = kind === "text";
  const ready = words.trim() !== "" && (!isText || name.trim() !== "");
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      if (isText) await knowledgeApi.addText(collection, name.trim(), words);
      else await knowledgeApi.addUrl(collection, words.trim());
      await client.invalidateQueries({ queryKey: ["knowledge"] });
      onDone();
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void save(event)} noValidate className="space-y-4">
      {isText && (
        <Labelled id={`${id}-name`} label={t.knowledge.textName}>
          <input
            id={`${id}-name`}
            autoFocus
            value={name}
            maxLength={200}
            onChange={(event) => setName(event.target.value)}
            className={FIELD}
          />
        </Labelled>
      )}
      <Labelled
        id={`${id}-words`}
        label={isText ? t.knowledge.textField : t.knowledge.urlField}
        problem={problem ?? undefined}
      >
        {isText ? (
          <textarea
            id={`${id}-words`}
            rows={10}
            value={words}
            onChange={(event) => setWords(event.target.value)}
            className={`${FIELD} max-h-[40vh] resize-y`}
          />
        ) : (
          <input
            id={`${id}-words`}
            autoFocus
            type="url"
            inputMode="url"
            placeholder="https://"
            value={words}
            onChange={(event) => setWords(event.target.value)}
            className={FIELD}
          />
        )}
      </Labelled>
      <div className="flex justify-end">
        <Button look="solid" type="submit" disabled={busy || !ready}>
          {t.knowledge.add}
        </Button>
      </div>
    </form>
  );
}
