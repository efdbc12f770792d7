/** `/audit?tool=&decision=` */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { AuditPage } from "~/features/audit/AuditPage";

export default function AuditRoute() {
  const search = useSearch({ from: "/audit" });
  const navigate = useNavigate();
  return <AuditPage {...search} onFilter={(next) => void navigate({ to: "/audit", search: next, replace: true })} />;
}
