/** `/runs?status=` */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { RunsPage } from "~/features/runs/RunsPage";

export default function RunsRoute() {
  const { status } = useSearch({ from: "/runs" });
  const navigate = useNavigate();
  return (
    <RunsPage
      status={status}
      onStatus={(next) => void navigate({ to: "/runs", search: next ? { status: next } : {} })}
    />
  );
}
