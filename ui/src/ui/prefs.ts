/** What a person chose for this browser: theme, sidebar, last agent. Kept in local storage where it is allowed. */
import { create } from "zustand";

export type Theme = "system" | "light" | "dark";

interface Prefs {
  theme: Theme;
  sidebar: boolean;
  /** The agent of the next new chat. */
  agent: string | null;
}

function read<T>(key: string, fallback: T, parse: (text: string) => T | undefined): T {
  try {
    const text = localStorage.getItem(`weft.${key}`);
    return (text === null ? undefined : parse(text)) ?? fallback;
  } catch {
    return fallback;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`weft.${key}`);
    else localStorage.setItem(`weft.${key}`, value);
  } catch {
    // Storage is forbidden or full: the choice holds until the page is closed.
  }
}

export const usePrefs = create<Prefs>(() => ({
  theme: read<Theme>("theme", "system", (text) => (text === "light" || text === "dark" ? text : undefined)),
  sidebar: read("sidebar", true, (text) => text !== "0"),
  agent: read<string | null>("agent", null, (text) => text),
}));

const system = typeof matchMedia === "undefined" ? null : matchMedia("(prefers-color-scheme: dark)");

function paint(): void {
  const { theme } = usePrefs.getState();
  const dark = theme === "dark" || (theme === "system" && system?.matches === true);
  document.documentElement.dataset.scheme = dark ? "dark" : "light";
}

/** Keeps the page in the chosen theme; call once. */
export function watchTheme(): void {
  paint();
  system?.addEventListener("change", paint);
}

export function setTheme(theme: Theme): void {
  write("theme", theme === "system" ? null : theme);
  usePrefs.setState({ theme });
  paint();
}

export function toggleSidebar(): void {
  const sidebar = !usePrefs.getState().sidebar;
  write("sidebar", sidebar ? "1" : "0");
  usePrefs.setState({ sidebar });
}

export function chooseAgent(agent: string): void {
  write("agent", agent);
  usePrefs.setState({ agent });
}

/** Half-written messages, by thread: they survive a reload of the tab. */
export const drafts = {
  get: (thread: string): string => {
    try {
      return sessionStorage.getItem(`weft.draft.${thread}`) ?? "";
    } catch {
      return "";
    }
  },
  set: (thread: string, text: string): void => {
    try {
      if (text) sessionStorage.setItem(`weft.draft.${thread}`, text);
      else sessionStorage.removeItem(`weft.draft.${thread}`);
    } catch {
      // As above.
    }
  },
};
