/** A menu of actions behind one button. */
import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";
import { cx } from "./cx";

export const POPUP =
  "rounded-lg border border-line bg-raised p-1 text-ink shadow-2 outline-none transition duration-100 " +
  "data-[ending-style]:opacity-0 data-[starting-style]:opacity-0 data-[starting-style]:scale-[0.98]";

export const ITEM =
  "flex items-center gap-2 rounded-md px-2 py-1.5 text-sm outline-none select-none data-[highlighted]:bg-hover max-md:py-2.5";

export function Menu({
  trigger,
  children,
  align = "end",
}: {
  trigger: ReactElement<Record<string, unknown>>;
  children: ReactNode;
  align?: "start" | "end";
}) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} sideOffset={4} className="z-50">
          <Base.Popup className={cx(POPUP, "min-w-40")}>{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

export function MenuItem({
  icon,
  children,
  onSelect,
  danger,
}: {
  icon?: ReactNode;
  children: ReactNode;
  onSelect: () => void;
  danger?: boolean;
}) {
  return (
    <Base.Item className={cx(ITEM, danger && "text-bad data-[highlighted]:bg-bad-soft")} onClick={onSelect}>
      {icon}
      {children}
    </Base.Item>
  );
}
