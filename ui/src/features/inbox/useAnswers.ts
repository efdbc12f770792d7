/** Sends answers to questions of any runs; what is answered leaves the inbox at once. */
import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { api } from "~/api/client";
import { inboxQuery } from "~/api/queries";
import type { Interrupt, Json, Page } from "~/api/types";

export const keyOf = ({ run_id: runId, id }: Pick<Interrupt, "run_id" | "id">): string => `${runId} ${id}`;

export type SendAnswers = (answers: readonly (readonly [Interrupt, Json])[]) => Promise<void>;

export function useAnswers(): SendAnswers {
  const client = useQueryClient();
  return async (answers) => {
    try {
      await api.answerInterrupts(answers.map(([item, answer]) => ({ run_id: item.run_id, id: item.id, answer })));
      const done = new Set(answers.map(([item]) => keyOf(item)));
      await client.cancelQueries({ queryKey: inboxQuery.queryKey });
      client.setQueryData<InfiniteData<Page<Interrupt>, string | null>>(
        inboxQuery.queryKey,
        (data) =>
          data && {
            ...data,
            pages: data.pages.map((page) => ({ ...page, items: page.items.filter((item) => !done.has(keyOf(item))) })),
          },
      );
    } finally {
      void client.invalidateQueries({ queryKey: ["inbox"] });
      void client.invalidateQueries({ queryKey: ["runs"] });
    }
  };
}
