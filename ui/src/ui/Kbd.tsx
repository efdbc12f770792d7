/** Keys as they stand on the keyboard of whoever looks. */
import { isMac } from "./keys";

const NAMES: Record<string, string> = isMac
  ? { mod: "⌘", enter: "↵", shift: "⇧", escape: "esc" }
  : { mod: "Ctrl", enter: "Enter", shift: "Shift", escape: "Esc" };

/** `keys` as in "mod+k", or "g t" for one after the other. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-1 align-middle">
      {keys.split(/[+ ]/).map((key) => (
        <kbd
          key={key}
          className="inline-grid h-4.5 min-w-4.5 place-items-center rounded-xs border border-line bg-surface px-1 font-sans text-2xs text-ink-2"
        >
          {NAMES[key] ?? key.toUpperCase()}
        </kbd>
      ))}
    </span>
  );
}
