/** The policy of the workspace: its rules, a place to change them, and what would become of a call. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { useState } from "react";
import { api } from "~/api/client";
import { policyQuery } from "~/api/queries";
import type { PolicyKept, Rule } from "~/api/types";
import { t } from "~/strings";
import { Badge } from "~/ui/Badge";
import { Button } from "~/ui/Button";
import { Page } from "~/ui/Page";
import { FIELD, Labelled } from "~/ui/question/Field";
import { Empty, Failure, Loading, messageOf } from "~/ui/States";
import { toast } from "~/ui/Toasts";
import { DecisionBadge } from "./DecisionBadge";
import { conditionsOf, read, titleOf, toolsOf, written } from "./rules";
import { Trial } from "./Trial";

export function PolicyPage() {
  const { data, error, refetch } = useQuery(policyQuery);
  const [draft, setDraft] = useState<string | null>(null);
  const said = draft === null ? null : read(draft);
  return (
    <Page
      title={t.policy.title}
      lead={t.policy.lead}
      badge={data?.policy && <Badge>{data.version ? t.policy.version(data.version) : t.policy.program}</Badge>}
      actions={
        data?.policy &&
        draft === null && <Button onClick={() => setDraft(written(data.policy))}>{t.policy.edit}</Button>
      }
    >
      {error && !data ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,1fr)_24rem]">
          <div className="min-w-0">
            {draft !== null ? (
              <Editor kept={data} draft={draft} onChange={setDraft} onDone={() => setDraft(null)} />
            ) : data.policy ? (
              <Rules kept={data} />
            ) : (
              <Empty icon={<ShieldCheck size={24} />} title={t.policy.none} detail={t.policy.noneDetail}>
                <Button look="solid" onClick={() => setDraft(written(null))}>
                  {t.policy.begin}
                </Button>
              </Empty>
            )}
          </div>
          <Trial draft={said && "policy" in said ? said.policy : null} />
        </div>
      )}
    </Page>
  );
}

function Rules({ kept }: { kept: PolicyKept }) {
  const policy = kept.policy!;
  const people = Object.entries(policy.people ?? {});
  return (
    <>
      <h2 className="mb-2 text-sm font-medium">{t.policy.rules}</h2>
      <ul className="divide-y divide-line border-y border-line">
        {(policy.rules ?? []).map((rule, at) => (
          <RuleRow key={at} rule={rule} />
        ))}
        {policy.defaults !== false &&
          (kept.defaults ?? []).map((rule, at) => <RuleRow key={`default-${at}`} rule={rule} mark />)}
        <li className="flex items-center gap-3 px-3 py-2.5 text-sm">
          <span className="w-16 shrink-0">
            <DecisionBadge decision={policy.otherwise ?? "allow"} />
          </span>
          <span className="text-ink-2">{t.policy.otherwise}</span>
        </li>
      </ul>
      {people.length > 0 && (
        <>
          <h2 className="mt-6 mb-2 text-sm font-medium">{t.policy.people}</h2>
          <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
            {people.map(([user, roles]) => (
              <div key={user} className="contents">
                <dt className="font-mono text-xs leading-5">{user}</dt>
                <dd className="text-ink-2">{roles.join(", ")}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </>
  );
}

function RuleRow({ rule, mark = false }: { rule: Rule; mark?: boolean }) {
  const conditions = conditionsOf(rule);
  return (
    <li data-rule={titleOf(rule)} className="flex items-start gap-3 px-3 py-2.5 text-sm">
      <span className="w-16 shrink-0">
        <DecisionBadge decision={rule.decision} />
      </span>
      <div className="min-w-0 flex-1 space-y-0.5">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="font-mono text-xs leading-5 break-all">{toolsOf(rule)}</span>
          {rule.name && !mark && <span className="text-ink-2">{rule.name}</span>}
          {mark && <Badge>{t.policy.byDefault}</Badge>}
        </p>
        {conditions.length > 0 && <p className="font-mono text-xs break-words text-ink-2">{conditions.join(" · ")}</p>}
        {rule.reason && <p className="text-ink-2">{rule.reason}</p>}
      </div>
    </li>
  );
}

interface EditorProps {
  kept: PolicyKept;
  draft: string;
  onChange: (draft: string) => void;
  onDone: () => void;
}

function Editor({ kept, draft, onChange, onDone }: EditorProps) {
  const client = useQueryClient();
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const save = async () => {
    const said = read(draft);
    if ("problem" in said) return setProblem(said.problem);
    setBusy(true);
    try {
      client.setQueryData(policyQuery.queryKey, await api.putPolicy(kept.version, said.policy));
      toast(t.policy.saved);
      onDone();
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Labelled id="policy-draft" label={t.policy.draft} help={null} problem={problem ?? undefined} optional={null}>
        <textarea
          id="policy-draft"
          autoFocus
          spellCheck={false}
          rows={16}
          value={draft}
          aria-invalid={problem !== null}
          onChange={(event) => {
            setProblem(null);
            onChange(event.target.value);
          }}
          className={`${FIELD} field-auto max-h-[60vh] resize-y font-mono text-xs!`}
        />
      </Labelled>
      <div className="flex gap-2">
        <Button look="solid" type="submit" disabled={busy}>
          {t.common.save}
        </Button>
        <Button onClick={onDone}>{t.common.cancel}</Button>
      </div>
    </form>
  );
}
