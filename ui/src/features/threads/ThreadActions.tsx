/** What can be done to a thread: rename, look into its past, delete. */
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Ellipsis, History, Pencil, Trash2 } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { api } from "~/api/client";
import type { Thread } from "~/api/types";
import { t } from "~/strings";
import { Button, IconButton } from "~/ui/Button";
import { Confirm, Dialog } from "~/ui/Dialog";
import { Menu, MenuItem } from "~/ui/Menu";
import { messageOf } from "~/ui/States";
import { toast } from "~/ui/Toasts";

export function ThreadActions({
  thread,
  onDeleted,
  small,
}: {
  thread: Pick<Thread, "id" | "title" | "target">;
  onDeleted?: () => void;
  small?: boolean;
}) {
  const [open, setOpen] = useState<"rename" | "delete" | null>(null);
  const client = useQueryClient();
  const navigate = useNavigate();
  const title = thread.title || thread.target || t.common.untitled;
  const refresh = () => {
    void client.invalidateQueries({ queryKey: ["threads"] });
    void client.invalidateQueries({ queryKey: ["thread", thread.id] });
  };
  const remove = async () => {
    await api.deleteThread(thread.id);
    onDeleted?.();
    client.removeQueries({ queryKey: ["thread", thread.id] });
    void client.invalidateQueries({ queryKey: ["threads"] });
    void client.invalidateQueries({ queryKey: ["runs"] });
    toast(t.threads.deleted);
  };
  return (
    <>
      <Menu
        trigger={
          <IconButton small={small ?? false} label={t.threads.actionsOf(title)}>
            <Ellipsis size={16} />
          </IconButton>
        }
      >
        <MenuItem icon={<Pencil aria-hidden size={14} />} onSelect={() => setOpen("rename")}>
          {t.chat.rename}
        </MenuItem>
        <MenuItem
          icon={<History aria-hidden size={14} />}
          onSelect={() => void navigate({ to: "/threads/$thread/history", params: { thread: thread.id } })}
        >
          {t.travel.title}
        </MenuItem>
        <MenuItem icon={<Trash2 aria-hidden size={14} />} onSelect={() => setOpen("delete")} danger>
          {t.chat.delete}
        </MenuItem>
      </Menu>
      <Dialog
        open={open === "rename"}
        onOpenChange={(now) => setOpen(now ? "rename" : null)}
        title={t.threads.renameTitle}
      >
        <Rename
          thread={thread}
          onDone={() => {
            setOpen(null);
            refresh();
          }}
        />
      </Dialog>
      <Confirm
        open={open === "delete"}
        onOpenChange={(now) => setOpen(now ? "delete" : null)}
        title={t.threads.deleteTitle}
        detail={t.threads.deleteDetail(title)}
        action={t.chat.delete}
        onConfirm={remove}
      />
    </>
  );
}

function Rename({ thread, onDone }: { thread: Pick<Thread, "id" | "title">; onDone: () => void }) {
  const [title, setTitle] = useState(thread.title);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const id = useId();
  const save = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    api.renameThread(thread.id, title.trim()).then(onDone, (error: unknown) => {
      setFailure(messageOf(error));
      setBusy(false);
    });
  };
  return (
    <form onSubmit={save}>
      <label htmlFor={id} className="text-sm text-ink-2">
        {t.threads.renameLabel}
      </label>
      <input
        id={id}
        autoFocus
        value={title}
        maxLength={200}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setTitle(event.target.value)}
        className="mt-1 w-full rounded-md border border-line-strong bg-surface px-3 py-2 focus:border-accent"
      />
      {failure && (
        <p role="alert" className="mt-2 text-sm text-bad">
          {failure}
        </p>
      )}
      <div className="mt-4 flex justify-end">
        <Button type="submit" look="solid" disabled={busy || title.trim() === ""}>
          {t.common.save}
        </Button>
      </div>
    </form>
  );
}
