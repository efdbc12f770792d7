/** Files on their way to the server: two at a time, each with how far it is and what went wrong. */
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { upload } from "~/api/knowledge";
import { randomKey } from "~/api/client";
import { messageOf } from "~/ui/States";

export interface Upload {
  key: string;
  name: string;
  /** 0 to 1. */
  part: number;
  problem: string | null;
}

const AT_ONCE = 2;

export function useUploads(collection: string) {
  const client = useQueryClient();
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const waiting = useRef<{ key: string; file: File }[]>([]);
  const under = useRef(new Map<string, AbortController>());

  const change = (key: string, part: Partial<Upload>) =>
    setUploads((all) => all.map((one) => (one.key === key ? { ...one, ...part } : one)));
  const drop = (key: string) => setUploads((all) => all.filter((one) => one.key !== key));

  const next = useCallback(async () => {
    while (under.current.size < AT_ONCE) {
      const item = waiting.current.shift();
      if (!item) return;
      const { key, file } = item;
      const abort = new AbortController();
      under.current.set(key, abort);
      try {
        await upload(collection, file, (part) => change(key, { part }), abort.signal);
        drop(key);
      } catch (error) {
        if (!abort.signal.aborted) change(key, { problem: messageOf(error) });
      } finally {
        under.current.delete(key);
        void client.invalidateQueries({ queryKey: ["knowledge"] });
      }
    }
  }, [collection, client]);

  const send = useCallback(
    (files: readonly File[]) => {
      const items = files.map((file) => ({ key: randomKey(), file }));
      waiting.current.push(...items);
      setUploads((all) => [
        ...all,
        ...items.map(({ key, file }) => ({ key, name: file.name, part: 0, problem: null })),
      ]);
      for (let at = 0; at < AT_ONCE; at++) void next();
    },
    [next],
  );

  const dismiss = useCallback((key: string) => {
    waiting.current = waiting.current.filter((item) => item.key !== key);
    under.current.get(key)?.abort();
    drop(key);
  }, []);

  // Who leaves the page leaves what has not been sent.
  useEffect(() => {
    const going = under.current;
    return () => {
      waiting.current = [];
      for (const abort of going.values()) abort.abort();
    };
  }, [collection]);

  return { uploads, send, dismiss };
}
