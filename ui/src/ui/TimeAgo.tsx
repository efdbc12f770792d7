/** A moment, as long ago; the exact time is in its title. */
import { useSyncExternalStore } from "react";
import { ago, moment } from "./format";

const listeners = new Set<() => void>();
let minute = 0;
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    minute += 1;
    for (const call of listeners) call();
  }, 30_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** `at` in seconds since the epoch. */
export function TimeAgo({ at, className }: { at: number; className?: string }) {
  useSyncExternalStore(subscribe, () => minute);
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={moment(at)} className={className}>
      {ago(at)}
    </time>
  );
}
