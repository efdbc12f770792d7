/** A value as a tree that opens and closes. */
import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { t } from "~/strings";
import { cx } from "./cx";

/** Of a long list, so many at once. */
const MOST = 100;
/** Longer texts are cut until somebody wants them. Characters. */
const LONG = 300;

interface Props {
  name: string;
  value: unknown;
  /** Levels that are open at first. */
  open?: number;
}

export function JsonTree({ name, value, open = 1 }: Props) {
  const entries = entriesOf(value);
  if (!entries) {
    return (
      <div className="flex gap-2 py-0.5 pl-5">
        <Name name={name} />
        <Leaf value={value} />
      </div>
    );
  }
  return <Branch name={name} value={value} entries={entries} open={open} />;
}

function Branch({ name, value, entries, open }: Required<Props> & { entries: [string, unknown][] }) {
  const [shown, setShown] = useState(open > 0);
  const [most, setMost] = useState(MOST);
  const list = Array.isArray(value);
  return (
    <div>
      <button
        type="button"
        aria-expanded={shown}
        disabled={entries.length === 0}
        onClick={() => setShown(!shown)}
        className="flex w-full items-center gap-1 rounded-sm py-0.5 text-left hover:bg-hover"
      >
        <ChevronRight
          aria-hidden
          size={14}
          className={cx(
            "shrink-0 text-ink-3 transition-transform",
            shown && "rotate-90",
            entries.length === 0 && "invisible",
          )}
        />
        <Name name={name} />
        <span className="text-ink-3">
          {list ? `[${entries.length}]` : entries.length === 0 ? "{}" : `{${entries.length}}`}
        </span>
      </button>
      {shown && entries.length > 0 && (
        <div className="ml-[7px] border-l border-line pl-2">
          {entries.slice(0, most).map(([key, one]) => (
            <JsonTree key={key} name={key} value={one} open={open - 1} />
          ))}
          {entries.length > most && (
            <button
              type="button"
              className="ml-5 rounded-sm px-1 text-ink-2 hover:text-ink"
              onClick={() => setMost(most * 4)}
            >
              {t.common.more(entries.length - most)}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Name({ name }: { name: string }) {
  return <span className="shrink-0 font-medium text-ink">{name}</span>;
}

function Leaf({ value }: { value: unknown }) {
  const [all, setAll] = useState(false);
  if (typeof value !== "string") {
    return (
      <span className={value === null ? "text-ink-3" : "tnum text-code-num"}>
        {JSON.stringify(value) ?? "undefined"}
      </span>
    );
  }
  const cut = !all && value.length > LONG;
  return (
    <span className="min-w-0 break-words whitespace-pre-wrap text-code-str">
      {cut ? `${value.slice(0, LONG)}…` : value === "" ? '""' : value}
      {value.length > LONG && (
        <button type="button" className="ml-1 rounded-sm px-1 text-ink-2 hover:text-ink" onClick={() => setAll(!all)}>
          {cut ? t.common.showAll : t.common.showLess}
        </button>
      )}
    </span>
  );
}

function entriesOf(value: unknown): [string, unknown][] | null {
  if (Array.isArray(value)) return value.map((one, at) => [String(at), one]);
  return typeof value === "object" && value !== null ? Object.entries(value) : null;
}
