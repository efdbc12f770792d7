/** The secrets of the workspace: their names, and a form to set one. What they are is shown to nobody. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useRef, useState } from "react";
import { api } from "~/api/client";
import { secretsQuery } from "~/api/queries";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { Confirm } from "~/ui/Dialog";
import { Page } from "~/ui/Page";
import { FIELD, Labelled } from "~/ui/question/Field";
import { Empty, Failure, Loading } from "~/ui/States";
import { toast, toastError } from "~/ui/Toasts";

/** What the server takes as a name. */
const NAME = "[A-Za-z][A-Za-z0-9_.\\-]{0,63}";

export function SecretsPage() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(secretsQuery);
  const [name, setName] = useState("");
  const [leaving, setLeaving] = useState<string | null>(null);
  const value = useRef<HTMLInputElement>(null);
  const renew = () => client.invalidateQueries({ queryKey: secretsQuery.queryKey });
  const replace = (one: string) => {
    setName(one);
    value.current?.focus();
  };
  return (
    <Page title={t.secrets.title} lead={t.secrets.lead}>
      {error && !data ? (
        <Failure title={t.errors.load(t.secrets.title)} error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,1fr)_26rem]">
          <div className="min-w-0">
            <ul aria-label={t.secrets.title} className="divide-y divide-line border-y border-line empty:border-0">
              {data.map((one) => (
                <li key={one} data-secret={one} className="flex items-center gap-3 px-3 py-2 text-sm">
                  <span className="min-w-0 flex-1 font-mono text-xs break-all">{one}</span>
                  <Button small look="quiet" aria-label={t.secrets.replaceOne(one)} onClick={() => replace(one)}>
                    {t.secrets.replace}
                  </Button>
                  <Button small look="danger" aria-label={t.secrets.removeOne(one)} onClick={() => setLeaving(one)}>
                    {t.secrets.remove}
                  </Button>
                </li>
              ))}
            </ul>
            {data.length === 0 && <Empty title={t.secrets.none} detail={t.secrets.noneDetail} />}
          </div>
          <SetSecret name={name} onName={setName} value={value} known={data} onSet={renew} />
        </div>
      )}
      <Confirm
        open={leaving !== null}
        onOpenChange={(open) => !open && setLeaving(null)}
        title={t.secrets.removeOne(leaving ?? "")}
        detail={t.secrets.removeDetail}
        action={t.secrets.remove}
        onConfirm={async () => {
          await api.removeSecret(leaving ?? "");
          toast(t.secrets.removed(leaving ?? ""));
          await renew();
        }}
      />
    </Page>
  );
}

interface SetProps {
  name: string;
  onName: (name: string) => void;
  value: React.RefObject<HTMLInputElement | null>;
  known: readonly string[];
  onSet: () => Promise<void>;
}

/** The value is read once, when it is sent, and is nowhere else. */
function SetSecret({ name, onName, value, known, onSet }: SetProps) {
  const id = useId();
  const [busy, setBusy] = useState(false);
  const there = known.includes(name);
  const send = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    try {
      await api.setSecret(name, value.current?.value ?? "");
      form.reset();
      onName("");
      toast(t.secrets.set(name));
      await onSet();
    } catch (wrong) {
      toastError(wrong);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      aria-label={t.secrets.form}
      autoComplete="off"
      onSubmit={(event) => void send(event)}
      className="space-y-3 rounded-lg border border-line bg-surface p-4"
    >
      <Labelled id={`${id}-name`} label={t.secrets.name} help={t.secrets.nameHelp(name || "NAME")}>
        <input
          id={`${id}-name`}
          required
          pattern={NAME}
          title={t.secrets.nameRule}
          spellCheck={false}
          value={name}
          onChange={(event) => onName(event.target.value)}
          aria-describedby={`${id}-name-help`}
          className={`${FIELD} font-mono`}
        />
      </Labelled>
      <Labelled id={`${id}-value`} label={t.secrets.value} help={t.secrets.valueHelp}>
        <input
          ref={value}
          id={`${id}-value`}
          type="password"
          autoComplete="new-password"
          required
          maxLength={20_000}
          aria-describedby={`${id}-value-help`}
          className={FIELD}
        />
      </Labelled>
      <Button type="submit" look="solid" disabled={busy}>
        {there ? t.secrets.replace : t.secrets.add}
      </Button>
    </form>
  );
}
