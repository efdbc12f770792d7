/** Runs a run again from its record: models and tools are not called, so it costs nothing; from a step on, live. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { History } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { api } from "~/api/client";
import { historyQuery } from "~/api/queries";
import type { Envelope, Run } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { FIELD } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";
import { effects } from "./moments";
import { OnceNote } from "./OnceNote";

interface Props {
  run: Run;
  events: readonly Envelope[];
}

export function ReplayButton({ run, events }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <History aria-hidden size={14} /> {t.replay.button}
      </Button>
      <Dialog open={open} onOpenChange={setOpen} title={t.replay.title}>
        <ReplayForm run={run} events={events} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

const HOW = ["whole", "until", "live"] as const;

function ReplayForm({ run, events, onClose }: Props & { onClose: () => void }) {
  const { data } = useInfiniteQuery(historyQuery(run.thread_id));
  const steps = (data?.pages.flatMap((page) => page.items) ?? []).filter((one) => one.run_id === run.id).reverse();
  const [how, setHow] = useState<(typeof HOW)[number]>("whole");
  const [step, setStep] = useState<number | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [confirmed, setConfirmed] = useState(false);
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const id = useId();
  const at = step ?? steps[0]?.step ?? 0;
  const past = [...effects(events)].flatMap(([began, names]) => (began >= at ? names : []));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const where = how === "until" ? { until: at } : how === "live" ? { live_from: at } : {};
    api.replay(run.id, { ...where, ...(how === "live" && confirmed ? { confirm: true } : {}) }).then(
      (made) => {
        onClose();
        void navigate({ to: "/runs/$run", params: { run: made.id }, search: { of: run.id } });
      },
      (error: unknown) => {
        setFailure(error);
        setBusy(false);
      },
    );
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <p className="text-sm text-ink-2">{t.replay.lead}</p>
      <fieldset className="space-y-2">
        <legend className="sr-only">{t.replay.how}</legend>
        {HOW.map((one) => (
          <label key={one} className="flex items-start gap-2 text-sm">
            <input
              type="radio"
              name={id}
              checked={how === one}
              onChange={() => {
                setHow(one);
                setFailure(null);
              }}
              className="mt-1 accent-[var(--accent)]"
            />
            <span>
              {t.replay.name[one]} <span className="block text-xs text-ink-3">{t.replay.detail[one]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {how !== "whole" && (
        <div>
          <label htmlFor={`${id}-step`} className="mb-1 block text-xs font-medium text-ink-2">
            {t.replay.step}
          </label>
          <select
            id={`${id}-step`}
            value={at}
            onChange={(event) => {
              setStep(Number(event.target.value));
              setFailure(null);
            }}
            className={FIELD}
          >
            {steps.map((one) => (
              <option key={one.step} value={one.step}>
                {one.step}: {one.made_by.join(", ") || t.travel.source[one.source]}
                {one.next.length > 0 ? ` → ${one.next.join(", ")}` : ""}
              </option>
            ))}
          </select>
        </div>
      )}
      {how === "live" && <OnceNote names={past} confirmed={confirmed} onConfirm={setConfirmed} />}
      {failure !== null && (
        <p role="alert" className="text-sm break-words text-bad">
          {messageOf(failure)}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {t.common.cancel}
        </Button>
        <Button look="solid" type="submit" disabled={busy}>
          {t.replay.button}
        </Button>
      </div>
    </form>
  );
}
