/** The shortcuts that hold on every page. */
import { useNavigate } from "@tanstack/react-router";
import { useKeys } from "~/ui/keys";
import { toggleSidebar } from "~/ui/prefs";
import { useShell } from "./state";

export function useShortcuts(): void {
  const navigate = useNavigate();
  useKeys({
    "mod+k": () => useShell.setState(({ palette }) => ({ palette: !palette })),
    "?": () => useShell.setState({ help: true }),
    "[": toggleSidebar,
    "/": () => document.querySelector<HTMLInputElement>("[data-search]")?.focus(),
    c: () => void navigate({ to: "/chat" }),
    "g h": () => void navigate({ to: "/" }),
    "g i": () => void navigate({ to: "/inbox" }),
    "g c": () => void navigate({ to: "/chat" }),
    "g t": () => void navigate({ to: "/threads" }),
    "g r": () => void navigate({ to: "/runs", search: {} }),
    "g m": () => void navigate({ to: "/memory", search: {} }),
    "g k": () => void navigate({ to: "/knowledge" }),
    "g o": () => void navigate({ to: "/tools" }),
    "g s": () => void navigate({ to: "/secrets" }),
    "g p": () => void navigate({ to: "/policy" }),
    "g a": () => void navigate({ to: "/audit", search: {} }),
  });
}
