/** `/runs/{run}?tab=&of=`: the run, a person's hands on it, and its past. */
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { isEnded } from "~/api/types";
import { ControlStrip } from "~/features/control/ControlStrip";
import { RestCard } from "~/features/control/RestCard";
import { RunFeedback } from "~/features/feedback/RunFeedback";
import { RunPage } from "~/features/runs/RunPage";
import { Comparison } from "~/features/travel/Comparison";
import { HistoryView } from "~/features/travel/HistoryView";
import { ReplayButton } from "~/features/travel/ReplayButton";
import { statusOf } from "~/run/follower";

export default function RunRoute() {
  const { run } = useParams({ from: "/runs/$run" });
  const { tab, of } = useSearch({ from: "/runs/$run" });
  const navigate = useNavigate();
  return (
    <RunPage
      key={run}
      runId={run}
      tab={tab ?? "timeline"}
      onTab={(next) =>
        void navigate({
          to: "/runs/$run",
          params: { run },
          search: { tab: next, ...(of ? { of } : {}) },
          replace: true,
        })
      }
      controls={(live) => (
        <ControlStrip live={live}>
          {live.run && isEnded(statusOf(live)) && <ReplayButton run={live.run} events={live.view.events} />}
        </ControlStrip>
      )}
      rest={(live) => <RestCard live={live} />}
      feedback={<RunFeedback runId={run} />}
      above={(live) =>
        of && <Comparison runId={run} of={of} rests={isEnded(statusOf(live)) || statusOf(live) === "paused"} />
      }
      history={(live) => live.run && <HistoryView threadId={live.run.thread_id} live={live} />}
    />
  );
}
