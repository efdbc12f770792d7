/** The words of the interface. Another language is another file of the same shape, chosen here. */
import { en } from "./en";

export type Strings = typeof en;
export const t: Strings = en;
/** For numbers and dates; words come from `t`. */
export const locale: string | undefined = typeof navigator === "undefined" ? "en" : navigator.language;
