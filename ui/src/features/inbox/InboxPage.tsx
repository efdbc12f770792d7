/** What all runs ask of people: answer one by one, or approve several at once. */
import { Tabs } from "@base-ui/react/tabs";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Inbox as InboxIcon } from "lucide-react";
import { useMemo, useState } from "react";
import { inboxQuery, unknownQuery } from "~/api/queries";
import type { Interrupt } from "~/api/types";
import { t } from "~/strings";
import { Button } from "~/ui/Button";
import { count } from "~/ui/format";
import { Page } from "~/ui/Page";
import { answerForm } from "~/ui/question/answers";
import { QuestionCard } from "~/ui/question/QuestionCard";
import { Empty, Failure, Loading } from "~/ui/States";
import { Origin } from "./Origin";
import { SelectedBar } from "./SelectedBar";
import { Unknown } from "./Unknown";
import { keyOf, useAnswers } from "./useAnswers";

export function InboxPage() {
  const unknown = useQuery(unknownQuery).data ?? [];
  return (
    <Page title={t.inbox.title} lead={t.inbox.lead}>
      {unknown.length === 0 ? (
        <Questions />
      ) : (
        <Tabs.Root defaultValue="open">
          <Tabs.List className="relative mb-5 flex gap-5 border-b border-line">
            <Head value="open">{t.inbox.open}</Head>
            <Head value="unknown">
              {t.inbox.unknown} <span className="tnum text-ink-3">{count(unknown.length)}</span>
            </Head>
            <Tabs.Indicator className="absolute bottom-[-1px] left-[var(--active-tab-left)] h-0.5 w-[var(--active-tab-width)] rounded-full bg-accent transition-all duration-150" />
          </Tabs.List>
          <Tabs.Panel value="open">
            <Questions />
          </Tabs.Panel>
          <Tabs.Panel value="unknown">
            <Unknown items={unknown} />
          </Tabs.Panel>
        </Tabs.Root>
      )}
    </Page>
  );
}

function Head({ value, children }: { value: string; children: React.ReactNode }) {
  return (
    <Tabs.Tab
      value={value}
      className="flex h-9 items-center gap-1.5 text-sm text-ink-2 hover:text-ink data-[active]:font-medium data-[active]:text-ink"
    >
      {children}
    </Tabs.Tab>
  );
}

function Questions() {
  const query = useInfiniteQuery(inboxQuery);
  const items = useMemo(() => unique(query.data?.pages.flatMap((page) => page.items) ?? []), [query.data]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const answer = useAnswers();
  const selected = items.filter((item) => chosen.has(keyOf(item)));
  const toggle = (key: string) => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
  };
  if (query.isPending) return <Loading />;
  if (query.error && !query.data) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  if (items.length === 0)
    return <Empty icon={<InboxIcon size={24} />} title={t.inbox.empty} detail={t.inbox.emptyDetail} />;
  return (
    <>
      <p role="status" className="mb-4 text-sm text-ink-2">
        {t.inbox.count(items.length, query.hasNextPage)}
      </p>
      <ul aria-label={t.inbox.title} className="max-w-3xl space-y-4">
        {items.map((item) => {
          const key = keyOf(item);
          return (
            <li key={key} data-run={item.run_id}>
              <QuestionCard
                question={item}
                from={<Origin item={item} />}
                select={
                  answerForm(item).kind === "approval" && (
                    <input
                      type="checkbox"
                      aria-label={t.inbox.select(item.tool ?? item.target)}
                      checked={chosen.has(key)}
                      onChange={() => toggle(key)}
                      className="size-4 accent-[var(--accent)] max-md:size-5"
                    />
                  )
                }
                onAnswer={(value) => answer([[item, value]])}
              />
            </li>
          );
        })}
      </ul>
      {query.hasNextPage && (
        <div className="flex justify-center py-4">
          <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t.common.loadMore}
          </Button>
        </div>
      )}
      {selected.length > 0 && <SelectedBar items={selected} onAnswer={answer} onDone={() => setChosen(new Set())} />}
    </>
  );
}

/** A question that moves while pages load may come twice. */
function unique(items: Interrupt[]): Interrupt[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
