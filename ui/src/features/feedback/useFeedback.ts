/** Says something of a run or a message, and takes it back. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { memoryApi } from "~/api/memory";
import type { Remark } from "~/api/types";
import { toastError } from "~/ui/Toasts";
import type { Said } from "./remarks";

export interface Voice {
  busy: boolean;
  /** The same thumb again takes it back. */
  thumb: (value: "up" | "down") => void;
  say: (kind: "correction" | "label", value: string) => Promise<boolean>;
  takeBack: (remark: Remark) => void;
}

export function useFeedback(run: string, message: number, said: Said): Voice {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const act = async (what: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    try {
      await what();
      return true;
    } catch (error) {
      toastError(error);
      return false;
    } finally {
      await client.invalidateQueries({ queryKey: ["feedback"] });
      setBusy(false);
    }
  };
  const body = message ? { message } : {};
  return {
    busy,
    thumb: (value) =>
      void act(async () => {
        if (said.thumb) await memoryApi.removeFeedback(said.thumb.n);
        if (said.thumb?.value !== value) await memoryApi.giveFeedback(run, { kind: "thumb", value, ...body });
      }),
    say: (kind, value) => act(() => memoryApi.giveFeedback(run, { kind, value, ...body })),
    takeBack: (remark) => void act(() => memoryApi.removeFeedback(remark.n)),
  };
}
