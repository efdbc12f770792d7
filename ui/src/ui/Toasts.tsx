/** Short news at the edge of the page: something worked, or did not, away from where one looks. */
import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { t } from "~/strings";
import { cx } from "./cx";
import { messageOf } from "./States";

const toasts = Toast.createToastManager();

export function toast(title: string): void {
  toasts.add({ title, timeout: 3500 });
}

export function toastError(error: unknown, title: string = t.errors.title): void {
  toasts.add({ title, description: messageOf(error), type: "error", timeout: 8000, priority: "high" });
}

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={toasts} limit={3}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-50 flex w-[min(22rem,calc(100vw-2rem))] flex-col gap-2 outline-none">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts: list } = Toast.useToastManager();
  return list.map((item) => (
    <Toast.Root
      key={item.id}
      toast={item}
      className={cx(
        "relative rounded-lg border bg-raised px-3.5 py-2.5 pr-9 text-sm shadow-2 transition duration-150 data-[ending-style]:opacity-0 data-[starting-style]:translate-y-2 data-[starting-style]:opacity-0",
        item.type === "error" ? "border-bad-line" : "border-line",
      )}
    >
      <Toast.Title className={cx("font-medium", item.type === "error" && "text-bad")} />
      <Toast.Description className="text-ink-2" />
      <Toast.Close
        aria-label={t.common.close}
        className="absolute top-2 right-2 grid size-6 place-items-center rounded-sm text-ink-3 hover:bg-hover"
      >
        <X size={14} />
      </Toast.Close>
    </Toast.Root>
  ));
}
