/** Instructions that models propose: what they say, for whom, why, what they replace; a person approves or rejects. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, Lightbulb, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { memoryApi, proposalsQuery, runFeedbackQuery, storyQuery } from "~/api/memory";
import { agentsQuery } from "~/api/queries";
import type { KeptMemory, Remark, Source } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { FIELD } from "~/ui/question/Field";
import { Empty, Failure, Loading } from "~/ui/States";
import { TimeAgo } from "~/ui/TimeAgo";
import { useMemoryAction } from "./useMemoryAction";

export function Proposals() {
  const { data, error, refetch } = useQuery(proposalsQuery);
  return (
    <>
      <div className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <p className="max-w-prose text-sm text-ink-2">{t.proposals.lead}</p>
        <AskFor />
      </div>
      {error && !data ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : data.length === 0 ? (
        <Empty icon={<Lightbulb size={24} />} title={t.proposals.empty} detail={t.proposals.emptyDetail} />
      ) : (
        <ul aria-label={t.memory.tab.proposals} className="space-y-3">
          {data.map((kept) => (
            <Proposal key={kept.memory.id} kept={kept} />
          ))}
        </ul>
      )}
    </>
  );
}

function AskFor() {
  const { busy, act } = useMemoryAction();
  const agents = useQuery(agentsQuery).data?.filter(({ memory }) => memory) ?? [];
  const [chosen, setChosen] = useState("");
  const agent = chosen || agents[0]?.name;
  if (!agent) return null;
  const ask = (event: FormEvent) => {
    event.preventDefault();
    void act(() => memoryApi.addChore({ kind: "propose", agent }), t.proposals.asked);
  };
  return (
    <form onSubmit={ask} className="flex items-center gap-2">
      <select
        aria-label={t.proposals.askFor}
        value={agent}
        onChange={(event) => setChosen(event.target.value)}
        className={`${FIELD} w-auto!`}
      >
        {agents.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <Button type="submit" disabled={busy}>
        <Lightbulb aria-hidden size={14} /> {t.proposals.ask}
      </Button>
    </form>
  );
}

function Proposal({ kept }: { kept: KeptMemory }) {
  const { memory, user, agent } = kept;
  const { busy, act } = useMemoryAction();
  const { data: story } = useQuery(storyQuery(memory.id));
  const [reason, setReason] = useState("");
  return (
    <li data-proposal={memory.id} className="rounded-lg border border-line bg-surface p-4">
      <p className="flex flex-wrap items-baseline gap-x-3 text-xs text-ink-3">
        <span className="font-medium text-ink-2">
          {user === null ? t.proposals.forAll(agent) : t.proposals.forUser(agent, user)}
        </span>
        <TimeAgo at={memory.known_from} className="ml-auto" />
      </p>
      <p className="mt-1.5 text-md font-medium break-words">{memory.text}</p>
      {memory.subject.startsWith("memory_") && <Replaced id={memory.subject} />}
      {story && <Reasons sources={story.sources} />}
      <div className="mt-4 flex flex-wrap gap-2">
        <Button
          look="solid"
          disabled={busy}
          onClick={() => void act(() => memoryApi.approve(memory.id), t.proposals.approved(agent))}
        >
          <Check aria-hidden size={15} /> {t.proposals.approve}
        </Button>
        <Button
          look="danger"
          disabled={busy}
          onClick={() => void act(() => memoryApi.reject(memory.id, reason), t.proposals.rejected)}
        >
          <X aria-hidden size={15} /> {t.proposals.reject}
        </Button>
        <input
          aria-label={t.proposals.reason}
          placeholder={t.proposals.reason}
          value={reason}
          maxLength={2_000}
          onChange={(event) => setReason(event.target.value)}
          className={`${FIELD} w-auto! min-w-48 flex-1`}
        />
      </div>
    </li>
  );
}

function Replaced({ id }: { id: string }) {
  const { data } = useQuery(storyQuery(id));
  const text = data?.versions.at(-1)?.text;
  return (
    text && (
      <p className="mt-1.5 text-sm text-ink-2">
        {t.proposals.replaces}: <del>{text}</del>
      </p>
    )
  );
}

/** The remarks that it answers to, as people made them. */
function Reasons({ sources }: { sources: readonly Source[] }) {
  const runs = [...new Set(sources.map(({ run }) => run ?? "").filter(Boolean))].slice(0, 10);
  const remarks = useQueries({
    queries: runs.map((run) => runFeedbackQuery(run)),
    combine: (results) => results.flatMap(({ data }) => data ?? []),
  });
  const meant = remarks.filter((remark) =>
    sources.some(({ run, message = 0 }) => run === remark.run && message === (remark.message ?? 0)),
  );
  return (
    <div className="mt-3">
      <h3 className="text-xs font-medium text-ink-3">{t.proposals.because}</h3>
      {meant.length === 0 && <p className="mt-1 text-sm text-ink-2">{t.proposals.noReason}</p>}
      <ul className="mt-1 space-y-1.5">
        {meant.map((remark) => (
          <Reason key={remark.n} remark={remark} />
        ))}
        {meant.length === 0 &&
          sources.map((source, at) => (
            <li key={at} className="text-sm">
              <Where thread={source.thread ?? ""} message={source.message ?? 0} />
            </li>
          ))}
      </ul>
    </div>
  );
}

function Reason({ remark }: { remark: Remark }) {
  return (
    <li className="flex flex-wrap items-baseline gap-x-2 border-l-2 border-line pl-3 text-sm">
      <span className="text-xs text-ink-3">{t.feedback.said[remark.kind]}</span>
      <span className="min-w-0 break-words">
        {remark.kind === "thumb" ? t.feedback.thumb[remark.value === "up" ? "up" : "down"] : `“${remark.value}”`}
      </span>
      <span className="text-xs text-ink-3">{remark.author}</span>
      <Where thread={remark.thread} message={remark.message ?? 0} />
    </li>
  );
}

function Where({ thread, message }: { thread: string; message: number }) {
  return (
    <Link
      to="/chat/$thread"
      params={{ thread }}
      search={message ? { at: message } : {}}
      className="text-xs text-ink-2 underline decoration-line-strong underline-offset-3 hover:text-ink"
    >
      {message ? t.memory.source.message(message) : t.memory.source.thread}
    </Link>
  );
}
