/** Takes away everything that is remembered of a user, once a person has read what that is. */
import { useQuery } from "@tanstack/react-query";
import { memoryApi } from "~/api/memory";
import { t } from "~/strings";
import { Confirm } from "~/ui/Dialog";
import { useMemoryAction } from "./useMemoryAction";
import { LOCAL } from "./view";

/** So many are counted; beyond it is "more than". */
const MOST = 200;

export function EraseAll({
  user = LOCAL,
  open,
  onOpenChange,
  onDone,
}: {
  user: string | undefined;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onDone: () => void;
}) {
  const { act } = useMemoryAction();
  const { data } = useQuery({
    queryKey: ["memories", "count", user],
    queryFn: ({ signal }) => memoryApi.list({ user, limit: MOST }, signal),
    enabled: open,
  });
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={t.memory.eraseAllTitle(user)}
      detail={t.memory.eraseAllDetail(
        data ? t.memory.countOf(data.items.length, data.next !== null) : t.common.loading,
      )}
      action={t.memory.eraseNow}
      onConfirm={async () => {
        const { count } = await memoryApi.eraseAll(user);
        onDone();
        await act(() => Promise.resolve(), t.memory.erasedAll(count), true);
      }}
    />
  );
}
