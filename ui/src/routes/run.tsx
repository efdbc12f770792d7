/** `/runs/{run}` */
import { useParams } from "@tanstack/react-router";
import { RunPage } from "~/features/runs/RunPage";

export default function RunRoute() {
  const { run } = useParams({ from: "/runs/$run" });
  return <RunPage key={run} runId={run} />;
}
