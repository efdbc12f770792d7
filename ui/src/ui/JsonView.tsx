/** A value as indented JSON, in colours, folded where it is long. */
import { useMemo, useState } from "react";
import { t } from "~/strings";
import { CopyButton } from "./CopyButton";
import { cx } from "./cx";
import { Highlighted } from "./Highlighted";

/** Lines shown before the rest is folded away. */
const LINES = 24;

export function JsonView({ value, label, className }: { value: unknown; label: string; className?: string }) {
  const text = useMemo(
    () => (typeof value === "string" ? pretty(value) : (JSON.stringify(value, null, 2) ?? "undefined")),
    [value],
  );
  const json = useMemo(() => /^[[{"\d]|^(true|false|null)$/.test(text), [text]);
  return <Plain text={text} language={json ? "json" : ""} label={label} className={className} />;
}

/** Text that is JSON is indented; all other text stays as it is. */
function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Plain({
  text,
  language,
  label,
  className,
}: {
  text: string;
  language: string;
  label: string;
  className?: string | undefined;
}) {
  const lines = useMemo(() => text.split("\n"), [text]);
  const [all, setAll] = useState(false);
  const folded = !all && (lines.length > LINES + 6 || text.length > 8_000);
  const shown = folded ? lines.slice(0, LINES).join("\n").slice(0, 6_000) : text;
  return (
    <div className={cx("group/json relative", className)}>
      <pre
        tabIndex={0}
        aria-label={label}
        className="max-h-[32rem] overflow-auto rounded-md bg-sunken px-3 py-2.5 pr-10 font-mono text-xs leading-relaxed break-words whitespace-pre-wrap"
      >
        <Highlighted code={shown} language={language} />
      </pre>
      <CopyButton
        text={text}
        className="absolute! top-1 right-1 opacity-0 group-focus-within/json:opacity-100 group-hover/json:opacity-100"
      />
      {(folded || all) && (
        <button
          type="button"
          className="mt-1 rounded-sm px-1 text-xs text-ink-2 hover:text-ink"
          onClick={() => setAll(!all)}
        >
          {all ? t.common.showLess : `${t.common.showAll} (${lines.length})`}
        </button>
      )}
    </div>
  );
}
