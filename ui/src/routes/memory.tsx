/** `/memory?tab=&user=&kind=&of=&q=&id=` */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { MemoryPage } from "~/features/memory/MemoryPage";
import type { MemoryView } from "~/features/memory/view";

export default function MemoryRoute() {
  const search = useSearch({ from: "/memory" });
  const navigate = useNavigate();
  const onView = useCallback(
    (view: MemoryView) => void navigate({ to: "/memory", search: view, replace: true }),
    [navigate],
  );
  return <MemoryPage view={search} onView={onView} />;
}
