/** One registration: its tools with their parameters, and a form to call one of them once. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "~/api/client";
import { toolQuery, toolsQuery } from "~/api/queries";
import type { Json, Tool, Tried } from "~/api/types";
import { t } from "~/strings";
import { Badge } from "~/ui/Badge";
import { cx } from "~/ui/cx";
import { JsonView } from "~/ui/JsonView";
import { KeptCheckbox } from "~/ui/KeptCheckbox";
import { FIELD } from "~/ui/question/Field";
import { defaultsOf, fieldOf } from "~/ui/question/schema";
import { SchemaForm } from "~/ui/question/SchemaForm";
import { Failure, Loading } from "~/ui/States";
import { toastError } from "~/ui/Toasts";

export function ToolPanel({ name }: { name: string }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(toolQuery(name));
  const [at, setAt] = useState(0);
  if (error) return <Failure title={t.errors.load(name)} error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  const tool = data.tools[at];
  const setApproval = async (approval: boolean) => {
    await api.changeTool(name, { approval });
    await client.invalidateQueries({ queryKey: toolsQuery.queryKey });
  };
  return (
    <div className="space-y-4">
      <h2 className="font-medium">{name}</h2>
      <label className="flex items-center gap-2 text-sm">
        <KeptCheckbox
          checked={data.registration.approval}
          keep={setApproval}
          className="size-4 accent-[var(--accent)]"
        />
        {t.tools.approval}
      </label>
      {data.tools.length > 1 && (
        <select
          aria-label={t.policy.tool}
          value={at}
          onChange={(event) => setAt(Number(event.target.value))}
          className={FIELD}
        >
          {data.tools.map((one, index) => (
            <option key={one.name} value={index}>
              {one.name}
            </option>
          ))}
        </select>
      )}
      {tool && <One key={tool.name} set={name} tool={tool} />}
    </div>
  );
}

function One({ set, tool }: { set: string; tool: Tool }) {
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState<Tried | null>(null);
  const run = async (value: Json) => {
    setBusy(true);
    setTried(null);
    try {
      setTried(await api.tryTool(set, tool.name, value));
    } catch (error) {
      toastError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <div className="space-y-1.5">
        <p className="flex items-center gap-2">
          <span className="font-mono text-xs">{tool.name}</span>
          <Badge>{t.policy.effects[tool.effect]}</Badge>
        </p>
        <p className="text-sm break-words whitespace-pre-wrap text-ink-2">{tool.description}</p>
      </div>
      <details>
        <summary className="cursor-pointer text-sm text-ink-2">{t.tools.parameters}</summary>
        <JsonView value={tool.parameters} label={t.tools.parameters} className="mt-2 max-h-72" />
      </details>
      <SchemaForm
        field={{ ...fieldOf(tool.parameters), title: "" }}
        start={defaultsOf(tool.parameters)}
        busy={busy}
        action={t.tools.run}
        onSend={(value) => void run(value)}
      />
      <p className="text-xs text-ink-3">{t.tools.runs}</p>
      <div role="status">{tried && <Outcome tried={tried} />}</div>
    </>
  );
}

function Outcome({ tried }: { tried: Tried }) {
  if (tried.questions.length > 0) return <p className="text-sm text-warn">{t.tools.wouldAsk}</p>;
  const label = tried.failed ? t.tools.failed : t.tools.result;
  return (
    <div>
      <h3 className={cx("mb-1 text-xs font-medium", tried.failed ? "text-bad" : "text-ink-3")}>{label}</h3>
      <JsonView value={tried.content} label={label} className="max-h-72" />
    </div>
  );
}
