/** A call that nobody makes: what would become of it, by which rule, and which others say something of it. */
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api } from "~/api/client";
import { agentsQuery } from "~/api/queries";
import type { Json, Judged } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { FIELD, Labelled } from "~/ui/question/Field";
import { messageOf } from "~/ui/States";
import { DecisionBadge } from "./DecisionBadge";
import { type Asked, trialOf } from "./rules";

const FIRST: Asked = { tool: "", effect: "once", arguments: "", user: "local", agent: "", sources: "" };

export function Trial({ draft }: { draft: Record<string, Json> | null }) {
  const [given, setGiven] = useState(FIRST);
  /** What was chosen; else it is what the tool says of itself. */
  const [effect, setEffect] = useState<Asked["effect"] | null>(null);
  const [judged, setJudged] = useState<Judged | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const tools = useTools();
  const asked: Asked = { ...given, effect: effect ?? tools.get(given.tool) ?? "once" };
  const set = (name: keyof Asked) => (event: { target: { value: string } }) => {
    setGiven({ ...given, [name]: event.target.value });
    if (name === "tool") setEffect(null);
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setJudged(null);
    const trial = trialOf(asked, draft);
    if ("problem" in trial) return setProblem(trial.problem);
    setProblem(null);
    try {
      setJudged(await api.tryPolicy(trial));
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const text = (name: "tool" | "user" | "agent" | "sources", label: string, more: object = {}) => (
    <Labelled id={`trial-${name}`} label={label} help={null} problem={undefined} optional={null}>
      <input id={`trial-${name}`} value={asked[name]} onChange={set(name)} className={FIELD} {...more} />
    </Labelled>
  );
  return (
    <section aria-label={t.policy.trial} className="rounded-lg border border-line bg-surface p-4">
      <h2 className="font-medium">{t.policy.trial}</h2>
      <p className="mt-0.5 mb-3 text-sm text-ink-2">{t.policy.trialLead}</p>
      <form onSubmit={(event) => void submit(event)} className="space-y-3">
        {text("tool", t.policy.tool, { required: true, list: "trial-tools", autoComplete: "off" })}
        <datalist id="trial-tools">
          {[...tools.keys()].map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <Labelled id="trial-effect" label={t.policy.effect} help={null} problem={undefined} optional={null}>
          <select
            id="trial-effect"
            value={asked.effect}
            onChange={(event) => setEffect(event.target.value as Asked["effect"])}
            className={FIELD}
          >
            {(["read", "idempotent", "once"] as const).map((effect) => (
              <option key={effect} value={effect}>
                {t.policy.effects[effect]}
              </option>
            ))}
          </select>
        </Labelled>
        <Labelled
          id="trial-arguments"
          label={t.policy.arguments}
          help={null}
          problem={problem ?? undefined}
          optional={null}
        >
          <textarea
            id="trial-arguments"
            rows={3}
            spellCheck={false}
            placeholder='{"amount": 5000}'
            value={asked.arguments}
            onChange={set("arguments")}
            className={`${FIELD} field-auto max-h-48 resize-y font-mono text-xs!`}
          />
        </Labelled>
        <div className="grid grid-cols-2 gap-3">
          {text("user", t.policy.user)}
          {text("agent", t.policy.agent)}
        </div>
        <Labelled
          id="trial-sources"
          label={t.policy.sources}
          help={t.policy.sourcesHelp}
          problem={undefined}
          optional={null}
        >
          <input id="trial-sources" value={asked.sources} onChange={set("sources")} className={FIELD} />
        </Labelled>
        <Button look="solid" type="submit">
          {t.policy.judge}
        </Button>
      </form>
      <div role="status">{judged && <Verdict judged={judged} />}</div>
    </section>
  );
}

function Verdict({ judged }: { judged: Judged }) {
  return (
    <div className="mt-4 space-y-2 border-t border-line pt-3 text-sm">
      <p className="flex flex-wrap items-center gap-2">
        <DecisionBadge decision={judged.decision} />
        {judged.rule && <span className="text-ink-2">{t.policy.by(judged.rule)}</span>}
      </p>
      {judged.reason && <p className="break-words">{judged.reason}</p>}
      <h3 className="pt-1 text-xs font-medium text-ink-3">
        {judged.fitting.length > 0 ? t.policy.fitting : t.policy.fits}
      </h3>
      <ul className="space-y-1">
        {judged.fitting.map((rule, at) => (
          <li key={at} className="flex items-center gap-2">
            <DecisionBadge decision={rule.decision} /> <span className="min-w-0 break-words">{rule.title}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Tools of the agents, and what they do. */
function useTools(): ReadonlyMap<string, Asked["effect"]> {
  const { data } = useQuery(agentsQuery);
  return new Map((data ?? []).flatMap((agent) => agent.tools.map((tool) => [tool.name, tool.effect] as const)));
}
