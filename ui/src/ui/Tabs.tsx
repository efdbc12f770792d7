/** Tabs under a page's head: the line below the chosen one moves. */
import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";
import { cx } from "./cx";

export function Tabs<T extends string>({
  value,
  onChange,
  heads,
  children,
  className,
}: {
  value: T;
  onChange: (value: T) => void;
  heads: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <Base.Root value={value} onValueChange={(next) => onChange(next as T)} className={className}>
      <Base.List className="relative flex gap-5 overflow-x-auto overflow-y-hidden border-b border-line">
        {heads}
        <Base.Indicator className="absolute bottom-[-1px] left-[var(--active-tab-left)] h-0.5 w-[var(--active-tab-width)] rounded-full bg-accent transition-all duration-150" />
      </Base.List>
      {children}
    </Base.Root>
  );
}

export function TabHead({ value, children }: { value: string; children: ReactNode }) {
  return (
    <Base.Tab
      value={value}
      className="flex h-9 shrink-0 items-center gap-1.5 text-sm text-ink-2 hover:text-ink data-[active]:font-medium data-[active]:text-ink max-md:h-11"
    >
      {children}
    </Base.Tab>
  );
}

export function TabPanel({ value, children, className }: { value: string; children: ReactNode; className?: string }) {
  return (
    <Base.Panel value={value} className={cx("pt-5 outline-offset-4", className)}>
      {children}
    </Base.Panel>
  );
}
