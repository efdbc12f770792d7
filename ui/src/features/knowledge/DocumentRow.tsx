/** One document: what it is, how far it is, and a way to take it out. */
import { useQueryClient } from "@tanstack/react-query";
import { FileText, Trash2 } from "lucide-react";
import { useState } from "react";
import { knowledgeApi } from "~/api/knowledge";
import type { Document } from "~/api/types";
import { t } from "~/strings";
import { Badge, type Tone } from "~/ui/Badge";
import { IconButton } from "~/ui/Button";
import { Confirm } from "~/ui/Dialog";
import { size } from "~/ui/format";
import { Spinner } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { toast } from "~/ui/Toasts";
import type { Opened } from "./SourceSheet";

const TONES: Record<Document["status"], Tone> = { waiting: "plain", reading: "accent", ready: "ok", failed: "bad" };

interface Props {
  collection: string;
  one: Document;
  onOpen: (source: Opened) => void;
}

export function DocumentRow({ collection, one, onOpen }: Props) {
  const ready = one.status === "ready";
  return (
    <li data-document={one.name} data-status={one.status} className="flex items-start gap-3 px-3 py-2.5 hover:bg-hover">
      <FileText aria-hidden size={16} className="mt-0.5 shrink-0 text-ink-3" />
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          {ready ? (
            <button
              type="button"
              title={t.knowledge.open}
              onClick={() => onOpen({ collection, document: one.id, name: one.name, offset: 0 })}
              className="min-w-0 truncate rounded-sm text-left font-medium hover:underline"
            >
              {one.name}
            </button>
          ) : (
            <span className="min-w-0 truncate font-medium">{one.name}</span>
          )}
          <Badge tone={TONES[one.status]}>
            {one.status === "reading" && <Spinner className="size-3! text-current!" />}
            {t.knowledge.status[one.status]}
          </Badge>
        </p>
        <p className="mt-0.5 flex flex-wrap gap-x-2 text-xs text-ink-3">
          <span>{factsOf(one).join(" · ")}</span>
          <TimeAgo at={one.updated_at} />
        </p>
        {one.more && <p className="mt-1 text-xs break-words text-warn">{one.more}</p>}
        {one.error && <p className="mt-1 text-xs break-words text-bad">{one.error}</p>}
      </div>
      <Remove collection={collection} one={one} />
    </li>
  );
}

function factsOf(one: Document): string[] {
  const metadata = Object.entries(one.metadata).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const named = one.readers.filter((reader) => reader !== "workspace");
  return [
    one.kind,
    size(one.bytes),
    ...(one.pages > 1 ? [t.knowledge.pages(one.pages)] : []),
    ...(one.pieces > 0 ? [t.knowledge.chunks(one.pieces)] : []),
    ...(one.status === "reading" && one.embedded > 0 ? [t.knowledge.embedded(one.embedded, one.pieces)] : []),
    ...metadata,
    ...(named.length > 0 ? [t.knowledge.readers(named.join(", "))] : []),
  ].filter(Boolean);
}

function Remove({ collection, one }: Omit<Props, "onOpen">) {
  const [open, setOpen] = useState(false);
  const client = useQueryClient();
  return (
    <>
      <IconButton small label={t.knowledge.remove(one.name)} onClick={() => setOpen(true)}>
        <Trash2 size={14} />
      </IconButton>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={t.knowledge.removeTitle}
        detail={t.knowledge.removeDetail(one.name, one.pieces)}
        action={t.knowledge.removeNow}
        onConfirm={async () => {
          await knowledgeApi.remove(collection, one.id);
          await client.invalidateQueries({ queryKey: ["knowledge"] });
          toast(t.knowledge.removed);
        }}
      />
    </>
  );
}
