/** Light, dark, or as the system is. */
import { Menu as Base } from "@base-ui/react/menu";
import { Check, Monitor, Moon, Sun } from "lucide-react";
import { t } from "~/strings";
import { IconButton } from "~/ui/Button";
import { ITEM, POPUP } from "~/ui/Menu";
import { setTheme, type Theme, usePrefs } from "~/ui/prefs";

const THEMES = [
  ["system", t.theme.system, Monitor],
  ["light", t.theme.light, Sun],
  ["dark", t.theme.dark, Moon],
] as const;

export function ThemeSwitch() {
  const theme = usePrefs((prefs) => prefs.theme);
  const Icon = THEMES.find(([name]) => name === theme)?.[2] ?? Monitor;
  return (
    <Base.Root>
      <Base.Trigger
        render={
          <IconButton side="right" label={t.theme.label}>
            <Icon size={16} />
          </IconButton>
        }
      />
      <Base.Portal>
        <Base.Positioner side="top" sideOffset={6} className="z-50">
          <Base.Popup className={`${POPUP} min-w-36`}>
            <Base.RadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
              {THEMES.map(([name, label, ThemeIcon]) => (
                <Base.RadioItem key={name} value={name} closeOnClick className={ITEM}>
                  <ThemeIcon aria-hidden size={14} /> <span className="flex-1">{label}</span>
                  <Base.RadioItemIndicator>
                    <Check aria-hidden size={14} className="text-accent-ink" />
                  </Base.RadioItemIndicator>
                </Base.RadioItem>
              ))}
            </Base.RadioGroup>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
