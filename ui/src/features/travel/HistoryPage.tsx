/** `/threads/{thread}/history`: the past of a thread, whichever runs made it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { MessageSquare } from "lucide-react";
import { threadQuery } from "~/api/queries";
import { t } from "~/strings";
import { buttonClass } from "~/ui/Button";
import { Page } from "~/ui/Page";
import { Failure } from "~/ui/States";
import { HistoryView } from "./HistoryView";

export function HistoryPage({ threadId }: { threadId: string }) {
  const { data, error } = useQuery(threadQuery(threadId));
  return (
    <Page
      title={data ? data.title || data.target || t.common.untitled : t.common.loading}
      lead={t.travel.lead}
      actions={
        <Link to="/chat/$thread" params={{ thread: threadId }} className={buttonClass("plain")}>
          <MessageSquare aria-hidden size={14} /> {t.runs.openThread}
        </Link>
      }
    >
      {error ? <Failure error={error} /> : <HistoryView threadId={threadId} />}
    </Page>
  );
}
