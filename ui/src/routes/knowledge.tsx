/** `/knowledge` and `/knowledge/{name}` */
import { useNavigate, useParams } from "@tanstack/react-router";
import { CollectionPage } from "~/features/knowledge/CollectionPage";
import { KnowledgePage } from "~/features/knowledge/KnowledgePage";

export default function KnowledgeRoute() {
  const { name } = useParams({ strict: false });
  const navigate = useNavigate();
  if (name) return <CollectionPage key={name} name={name} />;
  return <KnowledgePage onOpen={(next) => void navigate({ to: "/knowledge/$name", params: { name: next } })} />;
}
