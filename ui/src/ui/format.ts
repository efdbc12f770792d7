/** Numbers, times and money as people read them. */
import type { Usage } from "~/api/types";
import { locale, t } from "~/strings";

const whole = new Intl.NumberFormat(locale);
const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const fullDate = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "narrow" });

export const count = (n: number): string => whole.format(n);
export const short = (n: number): string => (Math.abs(n) < 10_000 ? whole.format(n) : compact.format(n));

/** `seconds` as "840 ms", "3.2 s", "2 min 5 s", "1 h 12 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return t.common.none;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const all = Math.round(seconds);
  if (all < 3600) return `${Math.floor(all / 60)} min ${all % 60} s`;
  return `${Math.floor(all / 3600)} h ${Math.floor((all % 3600) / 60)} min`;
}

/** US dollars. `undefined` usage: nothing is known yet; `cost: null`: a price was unknown, which is not zero. */
export function cost(usage: Usage | null | undefined): string {
  if (!usage) return t.common.none;
  if (usage.cost === null) return t.common.unknown;
  return dollars(usage.cost ?? 0);
}

export function dollars(amount: number): string {
  if (amount === 0) return "$0";
  if (amount < 0.0001) return "< $0.0001";
  const digits = amount < 0.01 ? 4 : amount < 1 ? 3 : 2;
  return `$${amount.toFixed(digits)}`;
}

export function totalTokens(usage: Usage | null | undefined): string {
  return usage ? short((usage.input_tokens ?? 0) + (usage.output_tokens ?? 0)) : t.common.none;
}

/** `at` in seconds since the epoch. */
export const moment = (at: number): string => day.format(at * 1000);

/** "now", "5 min ago", "14:02", "3 Nov". */
export function ago(at: number, now = Date.now() / 1000): string {
  const past = now - at;
  if (past < 45) return relative.format(0, "second");
  if (past < 3600) return relative.format(-Math.max(1, Math.round(past / 60)), "minute");
  const then = new Date(at * 1000);
  const today = new Date(now * 1000);
  if (then.toDateString() === today.toDateString()) return clock.format(then);
  if (past < 6 * 86_400) return relative.format(-Math.max(1, Math.round(past / 86_400)), "day");
  return (then.getFullYear() === today.getFullYear() ? date : fullDate).format(then);
}

/** "840 B", "3.2 kB", "1.4 MB". */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  for (; bytes >= 999.5 && at < units.length - 1; at++) bytes /= 1000;
  return `${at === 0 || bytes >= 99.5 ? Math.round(bytes) : bytes.toFixed(1)} ${units[at]}`;
}

/** A value as one short line: JSON without its outermost noise. */
export function oneLine(value: unknown, most = 140): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const flat = text
    .slice(0, most * 4)
    .replace(/\s+/g, " ")
    .trim();
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
}
