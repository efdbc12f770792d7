/** Things over the page: dialogs in its middle, and sheets from its edge (from below on a phone). */
import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import { type ReactNode, useRef, useState } from "react";
import { t } from "~/strings";
import { Button } from "./Button";
import { cx } from "./cx";

const BACKDROP =
  "fixed inset-0 z-40 bg-backdrop transition-opacity duration-150 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0";
const BOX =
  "fixed left-1/2 z-50 w-[calc(100vw-2rem)] -translate-x-1/2 rounded-xl border border-line bg-raised text-ink shadow-3 outline-none " +
  "transition duration-150 data-[ending-style]:opacity-0 data-[ending-style]:scale-[0.98] data-[starting-style]:opacity-0 data-[starting-style]:scale-[0.98]";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  children: ReactNode;
  wide?: boolean;
}

/** Gives the focus back to what had it when the dialog opened: shortcuts open dialogs too, and have no trigger. */
function useFocusBack(open: boolean): () => HTMLElement | boolean {
  const was = useRef(false);
  const before = useRef<Element | null>(null);
  if (open && !was.current) before.current = document.activeElement;
  was.current = open;
  return () => {
    const element = before.current;
    if (!(element instanceof HTMLElement) || !element.isConnected) return true;
    return element.tabIndex < 0 ? false : element; // nothing had it: not the first field of the page either
  };
}

export function Dialog({ open, onOpenChange, title, children, wide }: DialogProps) {
  const back = useFocusBack(open);
  return (
    <Base.Root open={open} onOpenChange={onOpenChange}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup
          finalFocus={back}
          className={cx(BOX, "top-[18vh] max-h-[70vh] overflow-auto p-5", wide ? "max-w-xl" : "max-w-md")}
        >
          <Base.Title className="mb-3 text-lg font-semibold">{title}</Base.Title>
          {children}
          <CloseButton className="top-3.5 right-3.5" />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** Without a tooltip: it gets the focus when the dialog opens, and a tooltip would open with it. */
function CloseButton({ className }: { className: string }) {
  return (
    <Base.Close
      aria-label={t.common.close}
      className={cx(
        "absolute grid size-7 place-items-center rounded-md text-ink-2 hover:bg-hover hover:text-ink max-md:size-9",
        className,
      )}
    >
      <X aria-hidden size={16} />
    </Base.Close>
  );
}

/** A dialog without a visible head: the command palette. */
export function BareDialog({ open, onOpenChange, title, children }: DialogProps) {
  const back = useFocusBack(open);
  return (
    <Base.Root open={open} onOpenChange={onOpenChange}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup finalFocus={back} className={cx(BOX, "top-[12vh] max-w-xl overflow-hidden")}>
          <Base.Title className="sr-only">{title}</Base.Title>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  detail: string;
  action: string;
  onConfirm: () => Promise<unknown>;
}

/** Asks before something that cannot be undone; stays open, and says why, if it fails. */
export function Confirm({ open, onOpenChange, title, detail, action, onConfirm }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const confirm = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await onConfirm();
      onOpenChange(false);
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <AlertDialog.Root open={open} onOpenChange={onOpenChange}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={BACKDROP} />
        <AlertDialog.Popup className={cx(BOX, "top-[24vh] max-w-md p-5")}>
          <AlertDialog.Title className="text-lg font-semibold">{title}</AlertDialog.Title>
          <AlertDialog.Description className="mt-2 text-ink-2">{detail}</AlertDialog.Description>
          {failure && (
            <p role="alert" className="mt-3 text-sm text-bad">
              {failure}
            </p>
          )}
          <div className="mt-5 flex justify-end gap-2">
            <AlertDialog.Close render={<Button look="quiet" />}>{t.common.cancel}</AlertDialog.Close>
            <Button look="danger" onClick={confirm} disabled={busy}>
              {action}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

interface SheetProps extends Omit<DialogProps, "wide"> {
  side: "left" | "right";
}

export function Sheet({ open, onOpenChange, title, children, side }: SheetProps) {
  return (
    <Base.Root open={open} onOpenChange={onOpenChange}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup
          className={cx(
            "fixed z-50 flex flex-col bg-surface text-ink shadow-3 outline-none transition-transform duration-200 ease-out",
            side === "left"
              ? "inset-y-0 left-0 w-[min(20rem,86vw)] border-r border-line data-[ending-style]:-translate-x-full data-[starting-style]:-translate-x-full"
              : "inset-y-0 right-0 w-[min(26rem,100vw)] border-l border-line data-[ending-style]:translate-x-full data-[starting-style]:translate-x-full " +
                  "max-md:inset-x-0 max-md:top-auto max-md:bottom-0 max-md:h-[82dvh] max-md:w-full max-md:rounded-t-xl max-md:border-t max-md:border-l-0 " +
                  "max-md:data-[ending-style]:translate-x-0 max-md:data-[ending-style]:translate-y-full max-md:data-[starting-style]:translate-x-0 max-md:data-[starting-style]:translate-y-full",
          )}
        >
          <Base.Title className="sr-only">{title}</Base.Title>
          {children}
          <CloseButton className="top-2.5 right-2.5" />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
