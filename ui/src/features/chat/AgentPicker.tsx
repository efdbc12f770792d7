/** The choice of who answers. */
import { Select } from "@base-ui/react/select";
import { Check, ChevronsUpDown } from "lucide-react";
import type { Agent } from "~/api/types";
import { t } from "~/strings";
import { DemoMark } from "~/ui/Badge";
import { cx } from "~/ui/cx";
import { ITEM, POPUP } from "~/ui/Menu";

interface Props {
  agents: readonly Agent[];
  value: string | null;
  onChange: (name: string) => void;
}

export function AgentPicker({ agents, value, onChange }: Props) {
  return (
    <Select.Root
      value={value}
      onValueChange={(name) => name !== null && onChange(name)}
      items={agents.map(({ name }) => ({ value: name, label: name }))}
    >
      <Select.Trigger
        aria-label={t.agent.pick}
        className="flex h-8 min-w-0 items-center gap-1.5 rounded-md px-2 text-sm text-ink-2 hover:bg-hover hover:text-ink data-[popup-open]:bg-hover"
      >
        <Avatar name={value ?? "?"} />
        <Select.Value className="truncate">{(name: string | null) => name ?? t.agent.pick}</Select.Value>
        <Select.Icon>
          <ChevronsUpDown aria-hidden size={13} className="text-ink-3" />
        </Select.Icon>
      </Select.Trigger>
      <Select.Portal>
        <Select.Positioner side="top" align="start" sideOffset={6} alignItemWithTrigger={false} className="z-50">
          <Select.Popup
            className={cx(POPUP, "max-h-[min(24rem,60vh)] w-[min(22rem,calc(100vw-2rem))] overflow-y-auto")}
          >
            <Select.List>
              {agents.map((agent) => (
                <Select.Item key={agent.name} value={agent.name} className={cx(ITEM, "items-start! gap-2.5!")}>
                  <Avatar name={agent.name} className="mt-0.5" />
                  <span className="min-w-0 flex-1">
                    <span className="flex items-center gap-2">
                      <Select.ItemText className="truncate font-medium">{agent.name}</Select.ItemText>
                      {agent.demo && <DemoMark />}
                    </span>
                    <span className="line-clamp-2 text-xs text-ink-2">{agent.description || agent.model}</span>
                  </span>
                  <Select.ItemIndicator className="mt-0.5">
                    <Check aria-hidden size={15} className="text-accent-ink" />
                  </Select.ItemIndicator>
                </Select.Item>
              ))}
            </Select.List>
          </Select.Popup>
        </Select.Positioner>
      </Select.Portal>
    </Select.Root>
  );
}

/** A letter in one of six dyes, the same for the same name. */
export function Avatar({ name, className }: { name: string; className?: string }) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.charCodeAt(0)) % 997;
  return (
    <span
      aria-hidden
      data-dye={sum % 6}
      className={cx(
        "avatar grid size-5 shrink-0 place-items-center rounded-sm text-2xs font-semibold uppercase",
        className,
      )}
    >
      {name[0]}
    </span>
  );
}
