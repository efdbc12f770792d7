/** What a model thought: one quiet line that opens. */
import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { duration } from "~/ui/format";
import { Markdown } from "~/ui/Markdown";

interface Props {
  text: string;
  /** It is being thought right now. */
  live?: boolean;
  /** Seconds, where they are known. */
  took?: number | undefined;
  redacted?: boolean;
}

export function Reasoning({ text, live = false, took, redacted = false }: Props) {
  const [open, setOpen] = useState(false);
  const title = live ? t.chat.thinking : took !== undefined ? t.chat.thoughtFor(duration(took)) : t.chat.thought;
  return (
    <div data-reasoning={live ? "live" : "done"}>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="-ml-1 flex items-center gap-1 rounded-sm px-1 py-0.5 text-sm text-ink-3 hover:text-ink-2"
      >
        <ChevronRight aria-hidden size={14} className={cx("transition-transform", open && "rotate-90")} />
        <span className={live ? "shimmer" : undefined}>{title}</span>
        {live && !open && (
          <span className="ml-2 hidden max-w-[38ch] truncate text-xs text-ink-3 md:inline">{lastLine(text)}</span>
        )}
      </button>
      {open && (
        <div className="mt-1.5 ml-1.5 border-l border-line-strong pl-4">
          {redacted ? (
            <p className="text-sm text-ink-2 italic">{t.chat.redacted}</p>
          ) : (
            <Markdown text={text} className="text-sm! text-ink-2" />
          )}
        </div>
      )}
    </div>
  );
}

function lastLine(text: string): string {
  return (
    text
      .trimEnd()
      .split("\n")
      .at(-1)
      ?.replace(/[*#`_]/g, "") ?? ""
  );
}
