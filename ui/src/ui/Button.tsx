/** Buttons: one look per weight, and the icon-only kind that always has a name and a tooltip. */
import { Tooltip } from "@base-ui/react/tooltip";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { cx } from "./cx";

type Look = "solid" | "plain" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  solid: "bg-accent text-on-accent hover:bg-accent-hover font-medium shadow-1",
  plain: "bg-raised text-ink border border-line hover:border-line-strong hover:bg-surface shadow-1",
  quiet: "text-ink-2 hover:bg-hover hover:text-ink active:bg-active",
  danger: "bg-raised text-bad border border-line hover:border-bad-line hover:bg-bad-soft",
};

const BASE =
  "inline-flex items-center justify-center gap-1.5 rounded-md whitespace-nowrap select-none transition-colors duration-100 " +
  "disabled:opacity-50 disabled:pointer-events-none aria-disabled:opacity-50";

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  small?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function buttonClass(look: Look = "plain", small = false, extra?: string): string {
  return cx(BASE, LOOKS[look], small ? "h-7 px-2.5 text-xs" : "h-8 px-3 text-sm", extra);
}

export function Button({ look, small, className, type = "button", ...rest }: ButtonProps) {
  return <button type={type} className={buttonClass(look, small, className)} {...rest} />;
}

interface IconButtonProps extends Omit<ButtonProps, "aria-label"> {
  label: string;
  keys?: ReactNode;
  side?: "top" | "bottom" | "left" | "right";
}

export function IconButton({
  label,
  keys,
  look = "quiet",
  small,
  className,
  side = "bottom",
  type = "button",
  ...rest
}: IconButtonProps) {
  return (
    <Hint text={label} keys={keys} side={side}>
      <button
        type={type}
        aria-label={label}
        className={cx(BASE, LOOKS[look], small ? "size-7" : "size-8", "shrink-0 max-md:size-9", className)}
        {...rest}
      />
    </Hint>
  );
}

/** A tooltip around one element that can be focused. */
export function Hint({
  text,
  keys,
  side = "top",
  children,
}: {
  text: ReactNode;
  keys?: ReactNode;
  side?: IconButtonProps["side"];
  children: React.ReactElement<Record<string, unknown>>;
}) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger render={children} />
      <Tooltip.Portal>
        <Tooltip.Positioner side={side} sideOffset={6} className="z-50">
          <Tooltip.Popup className="flex max-w-72 items-center gap-2 rounded-md border border-line bg-raised px-2 py-1 text-xs text-ink shadow-2 transition-opacity duration-100 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0">
            {text}
            {keys}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
