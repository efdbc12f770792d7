/** `/threads/{thread}/history` */
import { useParams } from "@tanstack/react-router";
import { HistoryPage } from "~/features/travel/HistoryPage";

export default function HistoryRoute() {
  const { thread } = useParams({ from: "/threads/$thread/history" });
  return <HistoryPage key={thread} threadId={thread} />;
}
