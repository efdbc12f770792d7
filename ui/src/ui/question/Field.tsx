/** The look of whatever one writes into. */
import type { ReactNode } from "react";

export const FIELD =
  "w-full rounded-md border border-line-strong bg-surface px-2.5 py-1.5 text-sm placeholder:text-ink-3 focus:border-accent focus-visible:outline-offset-0 " +
  "aria-invalid:border-bad max-md:text-[1rem] max-md:py-2";

export function Labelled({
  id,
  label,
  help,
  problem,
  optional,
  children,
}: {
  id: string;
  label: ReactNode;
  help?: ReactNode;
  problem?: ReactNode;
  optional?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 flex items-baseline gap-2 text-xs font-medium text-ink-2">
        {label} {optional && <span className="font-normal text-ink-3">{optional}</span>}
      </label>
      {children}
      {help && (
        <p id={`${id}-help`} className="mt-1 text-xs text-ink-3">
          {help}
        </p>
      )}
      {problem && (
        <p id={`${id}-wrong`} role="alert" className="mt-1 text-xs text-bad">
          {problem}
        </p>
      )}
    </div>
  );
}

/** What a field is described by, for those who do not see it. */
export function describedBy(id: string, help: unknown, problem: unknown): string | undefined {
  return [help && `${id}-help`, problem && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
}
