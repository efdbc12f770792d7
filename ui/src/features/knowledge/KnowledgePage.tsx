/** The collections of documents, and one of them. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Library, Plus } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { collectionsQuery } from "~/api/knowledge";
import type { Collection } from "~/api/types";
import { t } from "~/strings";
import { Badge } from "~/ui/Badge";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Page } from "~/ui/Page";
import { FIELD } from "~/ui/question/Field";
import { Empty, Failure, Loading, Spinner } from "~/ui/States";

export function KnowledgePage({ onOpen }: { onOpen: (name: string) => void }) {
  const { data, error, refetch } = useQuery(collectionsQuery);
  const [open, setOpen] = useState(false);
  const begin = (
    <Button look="solid" onClick={() => setOpen(true)}>
      <Plus aria-hidden size={15} /> {t.knowledge.newOne}
    </Button>
  );
  return (
    <Page title={t.knowledge.title} lead={t.knowledge.lead} actions={data && data.length > 0 && begin}>
      {error && !data ? (
        <Failure title={t.errors.load(t.knowledge.title)} error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : data.length === 0 ? (
        <Empty icon={<Library size={24} />} title={t.knowledge.empty} detail={t.knowledge.emptyDetail}>
          {begin}
        </Empty>
      ) : (
        <ul aria-label={t.knowledge.collections} className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
          {data.map((one) => (
            <Card key={one.name} one={one} />
          ))}
        </ul>
      )}
      <Dialog open={open} onOpenChange={setOpen} title={t.knowledge.newOne}>
        <Begin onDone={onOpen} />
      </Dialog>
    </Page>
  );
}

function Card({ one }: { one: Collection }) {
  return (
    <li
      data-collection={one.name}
      className="relative rounded-lg border border-line bg-surface p-4 shadow-1 hover:border-line-strong"
    >
      <Link
        to="/knowledge/$name"
        params={{ name: one.name }}
        className="flex items-center gap-2.5 font-medium after:absolute after:inset-0 after:rounded-lg"
      >
        <Library aria-hidden size={16} className="shrink-0 text-ink-3" />
        <span className="min-w-0 truncate">{one.name}</span>
        {one.indexing > 0 && (
          <Badge tone="accent" className="ml-auto">
            <Spinner className="size-3! text-current!" /> {t.knowledge.indexing}
          </Badge>
        )}
      </Link>
      <p className="mt-1.5 text-sm text-ink-2">
        {t.knowledge.documents(one.documents)} · {t.knowledge.chunks(one.pieces)}
      </p>
    </li>
  );
}

/** A collection is there once something is in it. */
function Begin({ onDone }: { onDone: (name: string) => void }) {
  const [name, setName] = useState("");
  const id = useId();
  const begin = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) onDone(name.trim());
  };
  return (
    <form onSubmit={begin} className="space-y-3">
      <label htmlFor={id} className="block text-xs font-medium text-ink-2">
        {t.knowledge.newName}
      </label>
      <input
        id={id}
        autoFocus
        maxLength={200}
        value={name}
        onChange={(event) => setName(event.target.value)}
        className={FIELD}
      />
      <div className="flex justify-end">
        <Button look="solid" type="submit" disabled={!name.trim()}>
          {t.knowledge.begin}
        </Button>
      </div>
    </form>
  );
}
