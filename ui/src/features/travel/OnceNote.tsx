/** What is past here must not happen twice: a run asks before it does it again, unless a person says so now. */
import { ShieldAlert } from "lucide-react";
import { t } from "~/strings";

interface Props {
  /** The tools and nodes that it is about. */
  names: readonly string[];
  confirmed: boolean;
  onConfirm: (confirmed: boolean) => void;
}

export function OnceNote({ names, confirmed, onConfirm }: Props) {
  if (names.length === 0) return null;
  return (
    <div role="note" className="rounded-lg border border-warn-line bg-warn-soft px-3.5 py-3 text-sm">
      <p className="flex items-center gap-2 font-medium text-warn">
        <ShieldAlert aria-hidden size={15} /> {t.travel.repeats}
      </p>
      <p className="mt-1 break-words">{t.travel.mayRepeat([...new Set(names)].join(", "))}</p>
      <label className="mt-2.5 flex items-center gap-2">
        <input
          type="checkbox"
          checked={confirmed}
          onChange={(event) => onConfirm(event.target.checked)}
          className="size-4 accent-[var(--accent)]"
        />
        {t.travel.repeatAnyway}
      </label>
    </div>
  );
}
