/** Keyboard shortcuts: chords ("mod+k") and sequences ("g t"), never while somebody types unless a modifier is held. */
import { useEffect, useRef } from "react";

export const isMac =
  typeof navigator !== "undefined" && /mac|iphone|ipad/i.test(navigator.platform || navigator.userAgent);

export type Keymap = Record<string, (event: KeyboardEvent) => void>;

/** Things over the page that keep keys to themselves; one that is closing does not. */
const OPEN = ":is([role=dialog], [role=alertdialog], [role=menu])[data-open]";

const SEQUENCE = 900; // milliseconds between two keys of a sequence

function name(event: KeyboardEvent): string {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  const mod = isMac ? event.metaKey : event.ctrlKey;
  return `${mod ? "mod+" : ""}${event.altKey ? "alt+" : ""}${key}`;
}

/** Somebody writes into a field; one in a dialog that is closing is none any more. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement) || target.closest("[data-closed]")) return false;
  return target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName);
}

/** Installs the shortcuts for as long as the component lives. An open dialog keeps all but chords to itself. */
export function useKeys(keymap: Keymap): void {
  const latest = useRef(keymap);
  latest.current = keymap;
  useEffect(() => {
    let before = "";
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const pressed = name(event);
      const chord = pressed.startsWith("mod+");
      if (!chord && (isTyping(event.target) || document.querySelector(OPEN))) return;
      const action = latest.current[before ? `${before} ${pressed}` : pressed] ?? latest.current[pressed];
      clearTimeout(timer);
      before = "";
      if (action) {
        event.preventDefault();
        action(event);
      } else if (!chord) {
        before = pressed;
        timer = setTimeout(() => (before = ""), SEQUENCE);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("keydown", onKey);
    };
  }, []);
}
