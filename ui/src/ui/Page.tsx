/** The frame of a page that scrolls as a whole: title, a lead, actions, content. */
import type { ReactNode } from "react";

export function Page({
  title,
  lead,
  badge,
  actions,
  children,
}: {
  title: string;
  lead?: ReactNode;
  badge?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto w-full max-w-[70rem] px-8 pt-8 pb-16 max-md:px-4 max-md:pt-5">
        <header className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
          <div className="min-w-0 max-md:w-full">
            <div className="flex items-center gap-3">
              <h1 className="truncate text-xl font-semibold tracking-tight">{title}</h1>
              {badge}
            </div>
            {lead && <p className="mt-0.5 text-sm text-ink-2">{lead}</p>}
          </div>
          {actions && <div className="flex items-center gap-2 max-md:w-full">{actions}</div>}
        </header>
        {children}
      </div>
    </div>
  );
}
