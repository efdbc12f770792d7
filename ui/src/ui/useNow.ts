/** The clock, for whatever shows time that passes. */
import { useEffect, useState } from "react";

/** Seconds since the epoch, renewed every `every` milliseconds while `running`. */
export function useNow(running: boolean, every = 100): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (!running) return undefined;
    setNow(Date.now() / 1000);
    const timer = setInterval(() => setNow(Date.now() / 1000), every);
    return () => clearInterval(timer);
  }, [running, every]);
  return now;
}
