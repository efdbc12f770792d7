/** Edit the state at a checkpoint and go on: in the run that is held there, in the thread, or in a new one. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Plus, X } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { api, randomKey } from "~/api/client";
import { stateQuery } from "~/api/queries";
import type { Json, Moment } from "~/api/types";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { Button, IconButton } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { FIELD } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";
import { toast } from "~/ui/Toasts";
import { CONVERSATION, type Edit, start, type Writes, written } from "./edits";
import { OnceNote } from "./OnceNote";

type Place = "run" | "thread" | "new";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  threadId: string;
  moment: Moment;
  nodes: string[];
  /** The run that is held just here, if one is. */
  live: LiveRun | null;
  /** What was done after here and must not happen twice. */
  once: readonly string[];
}

export function GoOnDialog(props: Props) {
  return (
    <Dialog open={props.open} onOpenChange={props.onOpenChange} title={t.travel.goOnFrom(props.moment.step)} wide>
      <GoOnForm {...props} />
    </Dialog>
  );
}

function GoOnForm({ onOpenChange, threadId, moment, nodes, live, once }: Props) {
  const [place, setPlace] = useState<Place>(live ? "run" : "new");
  const [edits, setEdits] = useState<Edit[]>([]);
  const [node, setNode] = useState("");
  const [now, setNow] = useState(true);
  const [failure, setFailure] = useState<unknown>(null);
  const [confirmed, setConfirmed] = useState(false);
  const [busy, setBusy] = useState(false);
  const leave = useLeave();
  const id = useId();
  const goesOn = place !== "run" && now && (moment.next.length > 0 || node !== "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setFailure(null);
    let told: Writes;
    try {
      told = written(edits);
    } catch (error) {
      return setFailure(error);
    }
    setBusy(true);
    const done =
      place === "run" && live
        ? api.changeState(live.view.runId, told.writes, { node, overwrite: told.overwrite }).then((run) => {
            live.poke(run);
            toast(t.travel.changed);
          })
        : api
            .fork(threadId, {
              at: moment.step,
              ...(place === "new" ? { into: `thread_${randomKey()}` } : {}),
              write: told.writes,
              ...(node ? { node } : {}),
              go_on: goesOn,
              ...(goesOn && confirmed ? { confirm: true } : {}),
            })
            .then((fork) => leave(fork.thread_id, fork.run?.id ?? null));
    done.then(
      () => onOpenChange(false),
      (error: unknown) => {
        setFailure(error);
        setBusy(false);
      },
    );
  };
  return (
    <form onSubmit={submit} className="space-y-5">
      <fieldset className="space-y-2">
        <legend className="mb-1 text-xs font-medium text-ink-2">{t.travel.where}</legend>
        {(live ? (["run", "new", "thread"] as const) : (["new", "thread"] as const)).map((one) => (
          <label key={one} className="flex items-start gap-2 text-sm">
            <input
              type="radio"
              name={id}
              checked={place === one}
              onChange={() => {
                setPlace(one);
                setEdits(edits.map((edit) => ({ ...edit, whole: edit.whole && one === "run" })));
              }}
              className="mt-1 accent-[var(--accent)]"
            />
            <span>
              {t.travel.place[one]} <span className="block text-xs text-ink-3">{t.travel.placeDetail[one]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Edits threadId={threadId} moment={moment} edits={edits} onChange={setEdits} replaces={place === "run"} />
      {edits.length > 0 && (
        <div>
          <label htmlFor={`${id}-node`} className="mb-1 block text-xs font-medium text-ink-2">
            {t.travel.asNode}
          </label>
          <select id={`${id}-node`} value={node} onChange={(event) => setNode(event.target.value)} className={FIELD}>
            <option value="">{t.travel.asNobody}</option>
            {nodes.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          <p className="mt-1 text-xs text-ink-3">{t.travel.asNodeHelp}</p>
        </div>
      )}
      {place !== "run" && (moment.next.length > 0 || node !== "") && (
        <label className="flex items-center gap-2 text-sm">
          <input
            type="checkbox"
            checked={now}
            onChange={(event) => setNow(event.target.checked)}
            className="size-4 accent-[var(--accent)]"
          />
          {t.travel.atOnce}
        </label>
      )}
      {goesOn && <OnceNote names={once} confirmed={confirmed} onConfirm={setConfirmed} />}
      {failure !== null && (
        <p role="alert" className="text-sm break-words text-bad">
          {failure instanceof SyntaxError ? t.question.problem.json : messageOf(failure)}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={() => onOpenChange(false)}>
          {t.common.cancel}
        </Button>
        <Button look="solid" type="submit" disabled={busy || (place === "run" && edits.length === 0)}>
          {place === "run" ? t.travel.change_ : place === "new" ? t.travel.fork : t.travel.back}
        </Button>
      </div>
    </form>
  );
}

/** Where the one who did it goes: to the run that goes on, or to the past that is the present now. */
function useLeave() {
  const navigate = useNavigate();
  const client = useQueryClient();
  return (threadId: string, runId: string | null) => {
    void client.invalidateQueries({ queryKey: ["thread", threadId] });
    void client.invalidateQueries({ queryKey: ["threads"] });
    void client.invalidateQueries({ queryKey: ["runs"] });
    if (runId) void navigate({ to: "/runs/$run", params: { run: runId }, search: {} });
    else void navigate({ to: "/threads/$thread/history", params: { thread: threadId } });
  };
}

interface EditsProps {
  threadId: string;
  moment: Moment;
  edits: Edit[];
  onChange: (edits: Edit[]) => void;
  /** Whether a list may be replaced instead of being added to. */
  replaces: boolean;
}

function Edits({ threadId, moment, edits, onChange, replaces }: EditsProps) {
  const { data: state } = useQuery(stateQuery(threadId, moment.step));
  const values = (state?.values ?? {}) as Record<string, Json>;
  const names = [...Object.keys(values), ...(state && state.messages.length > 0 ? [CONVERSATION] : [])];
  const free = names.filter((name) => !edits.some(({ channel }) => channel === name));
  const add = (channel: string) =>
    onChange([...edits, { channel, text: start(channel, values[channel]), whole: false }]);
  const change = (channel: string, more: Partial<Edit>) =>
    onChange(edits.map((one) => (one.channel === channel ? { ...one, ...more } : one)));
  const id = useId();
  return (
    <fieldset>
      <legend className="mb-1 text-xs font-medium text-ink-2">{t.travel.edits}</legend>
      <p className="text-xs text-ink-3">{t.travel.editsHelp}</p>
      <ul className="mt-2 space-y-3">
        {edits.map(({ channel, text, whole }) => (
          <li key={channel}>
            <div className="mb-1 flex items-center justify-between">
              <label htmlFor={`${id}-${channel}`} className="font-mono text-xs">
                {channel}
              </label>
              <IconButton
                small
                label={t.control.remove(channel)}
                onClick={() => onChange(edits.filter((other) => other.channel !== channel))}
              >
                <X size={14} />
              </IconButton>
            </div>
            <textarea
              id={`${id}-${channel}`}
              value={text}
              rows={2}
              spellCheck={false}
              autoFocus
              onChange={(event) => change(channel, { text: event.target.value })}
              className={`${FIELD} field-auto max-h-60 resize-y font-mono text-xs!`}
            />
            {replaces && Array.isArray(values[channel]) && (
              <label className="mt-1 flex items-center gap-2 text-xs text-ink-2">
                <input
                  type="checkbox"
                  checked={whole}
                  onChange={(event) => {
                    const untouched = text === start(channel, values[channel], whole);
                    const begun = { text: start(channel, values[channel], event.target.checked) };
                    change(channel, { whole: event.target.checked, ...(untouched ? begun : {}) });
                  }}
                  className="size-4 accent-[var(--accent)]"
                />
                {t.travel.replaces}
              </label>
            )}
          </li>
        ))}
      </ul>
      {free.length > 0 && (
        <div className="mt-2 flex flex-wrap gap-1.5">
          {free.map((name) => (
            <Button
              key={name}
              small
              look="quiet"
              className="border border-dashed border-line-strong"
              onClick={() => add(name)}
            >
              <Plus aria-hidden size={12} /> <span className="font-mono">{name}</span>
            </Button>
          ))}
        </div>
      )}
    </fieldset>
  );
}
