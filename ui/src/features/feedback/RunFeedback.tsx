/** What was said of a run: of it as a whole, and of its messages. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ThumbsDown, ThumbsUp } from "lucide-react";
import { runFeedbackQuery } from "~/api/memory";
import type { Remark } from "~/api/types";
import { t } from "~/strings";
import { labelsOf, saidOf } from "./remarks";
import { SaidList, Thumbs } from "./Thumbs";
import { useFeedback } from "./useFeedback";

export function RunFeedback({ runId }: { runId: string }) {
  const { data: remarks = [] } = useQuery(runFeedbackQuery(runId));
  const said = saidOf(remarks, runId, 0);
  const voice = useFeedback(runId, 0, said);
  const others = remarks.filter(({ message = 0 }) => message > 0);
  return (
    <section aria-label={t.feedback.title} className="mt-4 max-w-3xl">
      <div className="flex items-center gap-1 text-sm text-ink-2">
        <span className="mr-1">{t.feedback.ofRun}</span>
        <Thumbs said={said} voice={voice} labels={labelsOf(remarks)} />
      </div>
      <SaidList said={said} voice={voice} />
      {others.length > 0 && (
        <ul aria-label={t.feedback.ofMessages} className="mt-2 space-y-1">
          {others.map((remark) => (
            <OfMessage key={remark.n} remark={remark} />
          ))}
        </ul>
      )}
    </section>
  );
}

function OfMessage({ remark }: { remark: Remark }) {
  const message = remark.message ?? 0;
  const Icon = remark.value === "up" ? ThumbsUp : ThumbsDown;
  return (
    <li className="flex flex-wrap items-baseline gap-x-2 text-sm text-ink-2">
      <Link
        to="/chat/$thread"
        params={{ thread: remark.thread }}
        search={{ at: message }}
        className="underline decoration-line-strong underline-offset-3 hover:text-ink"
      >
        {t.memory.source.message(message)}
      </Link>
      <span className="text-xs text-ink-3">{t.feedback.said[remark.kind]}</span>
      {remark.kind === "thumb" ? (
        <span className="inline-flex items-center gap-1">
          <Icon aria-hidden size={12} className="self-center" />
          {t.feedback.thumb[remark.value === "up" ? "up" : "down"]}
        </span>
      ) : (
        <span className="min-w-0 break-words text-ink">{remark.value}</span>
      )}
    </li>
  );
}
