/** Which parts of the frame are open. */
import { create } from "zustand";

export const useShell = create(() => ({ palette: false, help: false, menu: false }));
