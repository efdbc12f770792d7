/** The tools of the workspace: which there are, which are enabled, what they take, and one call to try them. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useRef, useState } from "react";
import { api } from "~/api/client";
import { toolsQuery } from "~/api/queries";
import type { Registration } from "~/api/types";
import { t } from "~/strings";
import { Badge } from "~/ui/Badge";
import { cx } from "~/ui/cx";
import { KeptCheckbox } from "~/ui/KeptCheckbox";
import { Page } from "~/ui/Page";
import { FIELD } from "~/ui/question/Field";
import { Empty, Failure, Loading } from "~/ui/States";
import { toast } from "~/ui/Toasts";
import { ToolPanel } from "./ToolPanel";

export function ToolsPage() {
  const { data, error, refetch } = useQuery(toolsQuery);
  const [words, setWords] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const panel = useRef<HTMLElement>(null);
  /** On a phone it stands below the list. */
  useEffect(() => {
    if (chosen) panel.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const wanted = useDeferredValue(words.trim().toLowerCase());
  const found = (data ?? []).filter((one) => `${one.name} ${one.title} ${one.kind}`.toLowerCase().includes(wanted));
  return (
    <Page title={t.tools.title} lead={t.tools.lead}>
      {error && !data ? (
        <Failure title={t.errors.load(t.tools.title)} error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,1fr)_26rem]">
          <div className="min-w-0">
            <input
              type="search"
              data-search
              aria-label={t.tools.filter}
              placeholder={t.tools.filter}
              value={words}
              onChange={(event) => setWords(event.target.value)}
              className={`${FIELD} mb-3 max-w-72`}
            />
            <ul aria-label={t.tools.title} className="divide-y divide-line border-y border-line">
              {found.map((one) => (
                <Row key={one.name} one={one} chosen={one.name === chosen} onChoose={() => setChosen(one.name)} />
              ))}
            </ul>
            {found.length === 0 && <Empty title={t.tools.none} />}
          </div>
          <section
            ref={panel}
            aria-label={chosen ?? t.tools.run}
            className="rounded-lg border border-line bg-surface p-4"
          >
            {chosen ? <ToolPanel key={chosen} name={chosen} /> : <p className="text-sm text-ink-2">{t.tools.pick}</p>}
          </section>
        </div>
      )}
    </Page>
  );
}

function Row({ one, chosen, onChoose }: { one: Registration; chosen: boolean; onChoose: () => void }) {
  const client = useQueryClient();
  const enable = async (enabled: boolean) => {
    await api.changeTool(one.name, { enabled });
    client.setQueryData(toolsQuery.queryKey, (all) =>
      all?.map((other) => (other.name === one.name ? { ...other, enabled } : other)),
    );
    toast(t.tools.changed(one.name, enabled));
  };
  return (
    <li
      data-tool={one.name}
      className={cx("relative flex items-center gap-3 px-3 py-2 text-sm hover:bg-hover", chosen && "bg-active")}
    >
      <KeptCheckbox
        aria-label={t.tools.enabled(one.name)}
        checked={one.enabled}
        keep={enable}
        className="relative z-10 size-4 shrink-0 accent-[var(--accent)] max-md:size-5"
      />
      <button
        type="button"
        aria-pressed={chosen}
        onClick={onChoose}
        className="min-w-0 flex-1 text-left after:absolute after:inset-0"
      >
        <span className="font-medium">{one.name}</span>
        <span className="block truncate text-ink-2">
          {one.title || (typeof one.target === "string" ? one.target : one.target.join(" "))}
        </span>
      </button>
      {one.approval && <Badge tone="warn">{t.tools.asks}</Badge>}
      <Badge>{t.tools.kind[one.kind]}</Badge>
    </li>
  );
}
