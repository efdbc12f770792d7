/** Who asks, in which thread and run, and since when. */
import { Link } from "@tanstack/react-router";
import type { Interrupt } from "~/api/types";
import { t } from "~/strings";
import { TimeAgo } from "~/ui/TimeAgo";

export function Origin({ item }: { item: Interrupt }) {
  const below = item.path.slice(1);
  return (
    <p className="flex flex-wrap items-baseline gap-x-2 gap-y-0.5 text-xs text-ink-2">
      <span className="font-medium text-ink">{item.target}</span>
      <Link
        to="/chat/$thread"
        params={{ thread: item.thread_id }}
        className="max-w-72 truncate underline decoration-line-strong underline-offset-3 hover:text-ink"
      >
        {item.thread_title || t.runs.openThread}
      </Link>
      <Link
        to="/runs/$run"
        params={{ run: item.run_id }}
        search={{}}
        className="underline decoration-line-strong underline-offset-3 hover:text-ink"
      >
        {t.chat.seeRun}
      </Link>
      {below.length > 0 && <span className="max-w-72 truncate font-mono text-2xs text-ink-3">{below.join(" / ")}</span>}
      <TimeAgo at={item.created_at} className="ml-auto text-ink-3" />
    </p>
  );
}
