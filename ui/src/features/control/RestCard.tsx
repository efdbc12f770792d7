/** Why a run rests before its end, and how it can go on: its questions, the limit that it reached, who holds it. */
import { useQuery } from "@tanstack/react-query";
import { CirclePause } from "lucide-react";
import { api } from "~/api/client";
import { nextQuery } from "~/api/queries";
import type { Json, Question } from "~/api/types";
import { statusOf } from "~/run/follower";
import { questionsOf, standingOf } from "~/run/standing";
import type { LiveRun } from "~/run/useRun";
import { t } from "~/strings";
import { QuestionCard } from "~/ui/question/QuestionCard";
import { LimitCard } from "./LimitCard";

/** `children` are what can be done about a run that is held, where the page has no controls of its own. */
export function RestCard({ live, children }: { live: LiveRun; children?: React.ReactNode }) {
  const { view, run } = live;
  const standing = standingOf(statusOf(live), view, run);
  if (standing === "over" || standing === "moving") return null;
  const questions = questionsOf(view, run);
  const answer = async (question: Question, value: Json) =>
    live.poke(await api.answerRun(view.runId, { [question.id]: value }));
  return (
    <>
      {standing === "limited" && <LimitCard live={live} />}
      {(standing === "held" || standing === "stuck") && (
        <Held live={live} words={standing === "stuck" ? t.control.stuck : undefined}>
          {children}
        </Held>
      )}
      {questions.map((question) => (
        <QuestionCard key={question.id} question={question} onAnswer={(value) => answer(question, value)} />
      ))}
    </>
  );
}

function Held({ live, words, children }: { live: LiveRun; words: string | undefined; children?: React.ReactNode }) {
  const { view, run } = live;
  const { data: next } = useQuery({
    ...nextQuery(run?.thread_id ?? "", view.runId, view.seq),
    enabled: run !== null,
  });
  return (
    <section
      aria-label={t.control.held}
      className="flex animate-rise flex-wrap items-center gap-x-3 gap-y-2 rounded-lg border border-line bg-surface px-3.5 py-3 text-sm"
    >
      <CirclePause aria-hidden size={16} className="shrink-0 text-warn" />
      <p className="min-w-0 flex-1">
        {words ?? (view.pause === "breakpoint" ? t.control.atBreakpoint : t.control.paused)}
        {next && next.length > 0 && (
          <>
            {" "}
            <span className="text-ink-2">{t.control.next}</span>{" "}
            <code className="font-mono text-xs">{next.join(", ")}</code>
          </>
        )}
      </p>
      {children}
    </section>
  );
}
