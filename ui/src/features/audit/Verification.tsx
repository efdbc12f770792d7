/** Whether the audit is as it was written, and the link to note down elsewhere. */
import { CircleAlert, ShieldCheck } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api } from "~/api/client";
import type { Proof } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { CopyButton } from "~/ui/CopyButton";
import { cx } from "~/ui/cx";
import { moment } from "~/ui/format";
import { FIELD } from "~/ui/question/Field";
import { toastError } from "~/ui/Toasts";

export function Verification() {
  const [known, setKnown] = useState("");
  const [proof, setProof] = useState<Proof | null>(null);
  const [busy, setBusy] = useState(false);
  const verify = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      setProof(await api.verifyAudit(known.trim() || undefined));
    } catch (error) {
      setProof(null);
      toastError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section aria-label={t.audit.verify} className="mb-6 space-y-3">
      <form onSubmit={(event) => void verify(event)} className="flex flex-wrap items-center gap-2">
        <input
          aria-label={t.audit.known}
          placeholder={t.audit.known}
          value={known}
          spellCheck={false}
          onChange={(event) => setKnown(event.target.value)}
          className={`${FIELD} w-80! max-w-full font-mono text-xs!`}
        />
        <Button type="submit" disabled={busy}>
          <ShieldCheck aria-hidden size={14} /> {t.audit.verify}
        </Button>
      </form>
      <div role="status">{proof && <Outcome proof={proof} />}</div>
    </section>
  );
}

function Outcome({ proof }: { proof: Proof }) {
  const Icon = proof.ok ? ShieldCheck : CircleAlert;
  return (
    <div
      className={cx(
        "max-w-3xl rounded-lg border px-3.5 py-3 text-sm",
        proof.ok ? "border-line bg-surface" : "border-bad-line bg-bad-soft",
      )}
    >
      <p className={cx("flex items-center gap-2 font-medium", proof.ok ? "text-ok" : "text-bad")}>
        <Icon aria-hidden size={16} /> {proof.ok ? t.audit.sound(proof.rows) : t.audit.unsound}
      </p>
      {proof.erased > 0 && <p className="mt-1">{t.audit.erased(proof.erased)}</p>}
      <ul className="mt-1 space-y-0.5">
        {proof.faults.map((fault, at) => (
          <li key={at}>
            {t.audit.fault[fault.kind]}
            {fault.n ? `, ${t.audit.link(fault.n)}` : ""}
            {fault.run_id ? ` (${fault.run_id}${fault.at ? `, ${moment(fault.at)}` : ""})` : ""}
          </li>
        ))}
      </ul>
      <p className="mt-2 text-ink-2">{t.audit.head}</p>
      <p className="mt-1 flex items-center gap-2">
        <code className="min-w-0 text-xs break-all">{proof.head}</code>
        <CopyButton text={proof.head} />
      </p>
    </div>
  );
}
