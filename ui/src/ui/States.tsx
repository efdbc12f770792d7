/** What a page shows when it has nothing, not yet, or cannot: the three states beside "full". */
import { CircleAlert, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "~/api/client";
import { t } from "~/strings";
import { Button } from "./Button";
import { cx } from "./cx";

export function Spinner({ className }: { className?: string }) {
  return <LoaderCircle aria-hidden size={15} className={cx("animate-turn text-ink-3", className)} />;
}

export function Loading({ className }: { className?: string }) {
  return (
    <div role="status" className={cx("flex items-center justify-center gap-2 p-8 text-sm text-ink-3", className)}>
      <Spinner /> {t.common.loading}
    </div>
  );
}

export function Empty({
  title,
  detail,
  children,
  icon,
}: {
  title: string;
  detail?: string;
  children?: ReactNode;
  icon?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center justify-center gap-1.5 px-6 py-16 text-center">
      {icon && <div className="mb-2 text-ink-3">{icon}</div>}
      <p className="font-medium">{title}</p>
      {detail && <p className="max-w-sm text-sm text-ink-2">{detail}</p>}
      {children && <div className="mt-4">{children}</div>}
    </div>
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error, plainly: what failed, what the server said, and a way to try again. */
export function Failure({
  title = t.errors.title,
  error,
  onRetry,
  children,
  className,
}: {
  title?: string;
  error: unknown;
  onRetry?: (() => void) | undefined;
  children?: ReactNode;
  className?: string;
}) {
  const code = error instanceof ApiError && error.code !== "network" ? error.code : null;
  return (
    <div
      role="alert"
      className={cx("flex gap-3 rounded-lg border border-bad-line bg-bad-soft px-3.5 py-3 text-sm", className)}
    >
      <CircleAlert aria-hidden size={16} className="mt-0.5 shrink-0 text-bad" />
      <div className="min-w-0 flex-1">
        <p className="font-medium text-bad">{title}</p>
        <p className="mt-0.5 break-words whitespace-pre-wrap text-ink">{messageOf(error)}</p>
        {code && <p className="mt-0.5 font-mono text-xs text-ink-2">{code}</p>}
        {(onRetry || children) && (
          <div className="mt-2.5 flex flex-wrap gap-2">
            {onRetry && (
              <Button small onClick={onRetry}>
                {t.common.retry}
              </Button>
            )}
            {children}
          </div>
        )}
      </div>
    </div>
  );
}
