/** Does something to memories, and asks the server anew what is remembered. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toast, toastError } from "~/ui/Toasts";

export function useMemoryAction() {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  /** Of what was `erased` nobody asks again: it is not there. */
  const act = async (what: () => Promise<unknown>, said?: string, erased = false): Promise<boolean> => {
    setBusy(true);
    try {
      await what();
      if (said) toast(said);
      return true;
    } catch (error) {
      toastError(error);
      return false;
    } finally {
      await client.invalidateQueries({
        queryKey: ["memories"],
        predicate: ({ queryKey }) => !erased || queryKey[1] !== "story",
      });
      void client.invalidateQueries({ queryKey: ["chores"] });
      setBusy(false);
    }
  };
  return { busy, act };
}
