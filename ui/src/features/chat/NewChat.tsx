/** A chat that has not begun: choose who answers, say the first words. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Boxes, ShieldQuestion } from "lucide-react";
import { type ReactNode, useState } from "react";
import { api, randomKey } from "~/api/client";
import { agentsQuery, threadRunsQuery } from "~/api/queries";
import type { Agent } from "~/api/types";
import { t } from "~/strings";
import { DemoBadge } from "~/ui/Badge";
import { Hint } from "~/ui/Button";
import { chooseAgent, usePrefs } from "~/ui/prefs";
import { Empty, Failure, Loading } from "~/ui/States";
import { toastError } from "~/ui/Toasts";
import { AgentPicker, Avatar } from "./AgentPicker";
import { Composer } from "./Composer";
import { inputOf, takesJson } from "./input";

/** The composer of a thread that does not exist yet; goes to it once it does. */
export function StartBox({ autoFocus }: { autoFocus?: boolean }) {
  const agents = useQuery(agentsQuery);
  const last = usePrefs((prefs) => prefs.agent);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const list = agents.data ?? [];
  const agent = list.find(({ name }) => name === last) ?? list[0] ?? null;

  const send = async (text: string) => {
    if (!agent) return false;
    setBusy(true);
    try {
      const run = await api.startRun({ target: agent.name, input: inputOf(agent, text) }, randomKey());
      client.setQueryData(threadRunsQuery(run.thread_id).queryKey, [run]);
      void client.invalidateQueries({ queryKey: ["threads"] });
      await navigate({ to: "/chat/$thread", params: { thread: run.thread_id } });
      return true;
    } catch (error) {
      toastError(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  if (agents.isPending) return <Loading />;
  if (agents.error)
    return <Failure title={t.errors.load(t.home.agents)} error={agents.error} onRetry={() => void agents.refetch()} />;
  if (list.length === 0) return <NoAgents />;
  return (
    <Composer
      draft="new"
      agent={agent?.name ?? null}
      json={takesJson(agent ?? undefined)}
      busy={busy}
      stopping={false}
      autoFocus={autoFocus ?? false}
      onSend={send}
      onStop={() => undefined}
    >
      <AgentPicker agents={list} value={agent?.name ?? null} onChange={chooseAgent} />
      {agent?.demo && <DemoBadge />}
    </Composer>
  );
}

function NoAgents() {
  return (
    <Empty icon={<Boxes size={24} />} title={t.home.noAgents} detail={t.home.noAgentsDetail}>
      <pre className="rounded-lg border border-line bg-sunken px-4 py-3 text-left font-mono text-xs leading-relaxed">
        {'from weft import Agent, App\n\napp = App(agents=[Agent("helper", instructions="Be brief.")])'}
      </pre>
    </Empty>
  );
}

export function NewChat({ before }: { before?: ReactNode }) {
  const agents = useQuery(agentsQuery);
  const last = usePrefs((prefs) => prefs.agent);
  const agent = agents.data?.find(({ name }) => name === last) ?? agents.data?.[0];
  return (
    <section aria-label={t.chat.new} className="flex min-w-0 flex-1 flex-col">
      <header className="flex h-13 shrink-0 items-center gap-2 border-b border-line px-4 max-md:px-2">
        {before}
        <h1 className="font-semibold">{t.chat.new}</h1>
        {agent?.demo && <DemoBadge />}
      </header>
      <div className="flex min-h-0 flex-1 flex-col overflow-y-auto">
        <div className="m-auto w-full max-w-[46rem] px-5 py-10 max-md:px-4">
          {agent && <About agent={agent} />}
          <StartBox autoFocus />
        </div>
      </div>
    </section>
  );
}

/** Who this agent is: its task, its model, its tools. */
function About({ agent }: { agent: Agent }) {
  return (
    <div className="mb-6 px-1">
      <div className="flex items-center gap-2.5">
        <Avatar name={agent.name} className="size-8! rounded-md! text-sm!" />
        <div className="min-w-0">
          <h2 className="truncate text-lg font-semibold">{agent.name}</h2>
          <p className="truncate font-mono text-xs text-ink-3">{agent.model}</p>
        </div>
      </div>
      {agent.description && <p className="mt-3 text-ink-2">{agent.description}</p>}
      {agent.tools.length > 0 && (
        <ul aria-label={t.agent.toolsTitle} className="mt-3 flex flex-wrap gap-1.5">
          {agent.tools.map((tool) => (
            <li key={tool.name}>
              <Hint
                text={`${tool.description || tool.name} · ${t.agent.effect[tool.effect] ?? tool.effect}${tool.approval ? ` · ${t.agent.approval}` : ""}`}
              >
                <button
                  type="button"
                  className="flex items-center gap-1.5 rounded-full border border-line bg-surface px-2.5 py-0.5 font-mono text-xs text-ink-2"
                >
                  {tool.name}
                  {tool.approval && <ShieldQuestion aria-hidden size={12} className="text-warn" />}
                </button>
              </Hint>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
