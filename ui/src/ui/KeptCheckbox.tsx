/** A checkbox whose state is kept by the server: what was asked for is shown at once, and taken back where it fails.
 *  Until the server has answered it keeps the keyboard's focus and takes nothing more. */
import { type ComponentProps, useEffect, useState } from "react";
import { toastError } from "./Toasts";

type Props = Omit<ComponentProps<"input">, "type" | "checked" | "disabled" | "onChange"> & {
  checked: boolean;
  keep: (checked: boolean) => Promise<void>;
};

export function KeptCheckbox({ checked, keep, ...rest }: Props) {
  const [shown, setShown] = useState(checked);
  const [busy, setBusy] = useState(false);
  useEffect(() => setShown(checked), [checked]);
  const change = async (next: boolean) => {
    setShown(next);
    setBusy(true);
    try {
      await keep(next);
    } catch (error) {
      setShown(!next);
      toastError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <input
      {...rest}
      type="checkbox"
      checked={shown}
      aria-disabled={busy || undefined}
      onChange={(event) => {
        if (!busy) void change(event.target.checked);
      }}
    />
  );
}
