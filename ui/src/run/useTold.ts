/** The same for a component: from the events of a run that is followed, or asked for once it has ended. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "~/api/client";
import { NOTHING, type Told, toldOf } from "./told";
import type { RunView } from "./view";

/** `wanted`: its agent remembers, or has documents; nobody else is asked. */
export function useTold(runId: string | null, wanted: boolean, view: RunView | null): Told {
  const live = useMemo(() => (view ? toldOf(view.events) : null), [view?.runId, view?.seq]);
  const { data } = useQuery({
    queryKey: ["run", runId, "told"],
    queryFn: ({ signal }) => api.events(runId!, signal).then(toldOf),
    enabled: wanted && runId !== null && view === null,
    staleTime: Infinity,
    structuralSharing: false,
  });
  return live ?? data ?? NOTHING;
}
