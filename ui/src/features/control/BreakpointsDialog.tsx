/** Where a run is to be held: at nodes, at tools, or when something in its state becomes true. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleDot, Play, Plus, X } from "lucide-react";
import { type FormEvent, useId, useRef, useState } from "react";
import { api } from "~/api/client";
import { agentsQuery, breakpointsQuery } from "~/api/queries";
import type { Breakpoint } from "~/api/types";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { Button, IconButton } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { FIELD } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";
import { breakpoint, namesSeen, same, type Where, whereOf } from "./breakpoints";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  live: LiveRun;
  /** It is held now: it can be let go until it meets one. */
  held: boolean;
  onRun: () => void;
}

const WHERES: readonly Where[] = ["before", "after", "tool", "when"];

export function BreakpointsDialog({ open, onOpenChange, live, held, onRun }: Props) {
  const { runId } = live.view;
  const client = useQueryClient();
  const query = breakpointsQuery(runId);
  const { data: points = [], error } = useQuery({ ...query, enabled: open });
  const [failure, setFailure] = useState<string | null>(null);
  const line = useRef<Promise<unknown>>(Promise.resolve());
  /** One change after the other, each made to what the one before it gave. */
  const change = (made: (points: Breakpoint[]) => Breakpoint[]): Promise<boolean> => {
    setFailure(null);
    const done = line.current.then(async () => {
      try {
        const next = made(client.getQueryData(query.queryKey) ?? []);
        client.setQueryData(query.queryKey, await api.setBreakpoints(runId, next));
        return true;
      } catch (cause) {
        setFailure(messageOf(cause));
        return false;
      }
    });
    line.current = done;
    return done;
  };
  const run = async () => {
    await line.current;
    onOpenChange(false);
    onRun();
  };
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t.control.breakpoints} wide>
      <p className="text-sm text-ink-2">{t.control.breakpointsLead}</p>
      {points.length > 0 && (
        <ul aria-label={t.control.breakpoints} className="mt-4 divide-y divide-line rounded-md border border-line">
          {points.map((point) => {
            const { where, name } = whereOf(point);
            return (
              <li key={`${where} ${name}`} className="flex items-center gap-2 py-1 pr-1 pl-3 text-sm">
                <CircleDot aria-hidden size={14} className="shrink-0 text-bad" />
                <span className="shrink-0 text-ink-2">{t.control.where[where]}</span>
                <code className="min-w-0 flex-1 truncate font-mono text-xs">{name}</code>
                <IconButton
                  small
                  label={t.control.remove(name)}
                  onClick={() => void change((all) => all.filter((other) => !same(other, point)))}
                >
                  <X size={14} />
                </IconButton>
              </li>
            );
          })}
        </ul>
      )}
      <Add live={live} onAdd={(point) => change((all) => [...all.filter((other) => !same(other, point)), point])} />
      {(failure ?? error) && (
        <p role="alert" className="mt-3 text-sm text-bad">
          {failure ?? messageOf(error)}
        </p>
      )}
      <div className="mt-5 flex justify-end gap-2">
        {held ? (
          <Button look="solid" disabled={points.length === 0} onClick={() => void run()}>
            <Play aria-hidden size={14} /> {t.control.runToNext}
          </Button>
        ) : (
          <Button onClick={() => onOpenChange(false)}>{t.common.close}</Button>
        )}
      </div>
    </Dialog>
  );
}

function Add({ live, onAdd }: { live: LiveRun; onAdd: (point: Breakpoint) => Promise<boolean> }) {
  const [where, setWhere] = useState<Where>("before");
  const [text, setText] = useState("");
  const { data: agents = [] } = useQuery(agentsQuery);
  const { nodes, tools } = namesSeen(live.view);
  const own = agents.find(({ name }) => name === live.view.target)?.tools.map(({ name }) => name) ?? [];
  const names = where === "tool" ? [...new Set([...own, ...tools])] : where === "when" ? [] : nodes;
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "") void onAdd(breakpoint(where, text)).then((done) => done && setText(""));
  };
  return (
    <form onSubmit={submit} className="mt-4 flex flex-wrap items-center gap-2">
      <select
        aria-label={t.control.hold}
        value={where}
        onChange={(event) => setWhere(event.target.value as Where)}
        className={`${FIELD} w-auto!`}
      >
        {WHERES.map((one) => (
          <option key={one} value={one}>
            {t.control.where[one]}
          </option>
        ))}
      </select>
      <input
        aria-label={t.control.whereName[where]}
        placeholder={where === "when" ? t.control.whenExample : t.control.whereName[where]}
        value={text}
        list={id}
        autoFocus
        onChange={(event) => setText(event.target.value)}
        className={`${FIELD} min-w-40 flex-1 basis-40 font-mono text-xs!`}
      />
      <datalist id={id}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Button type="submit" disabled={text.trim() === ""}>
        <Plus aria-hidden size={14} /> {t.control.add}
      </Button>
    </form>
  );
}
