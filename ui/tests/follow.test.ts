/** Against a real HTTP server that breaks in all the ways a network does. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { type Connection, follow } from "~/api/follow";
import type { Envelope, RunEvent } from "~/api/types";

type Script = (response: ServerResponse, request: IncomingMessage) => void;
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Plays one script per connection; tells with which Last-Event-ID each came. */
async function serving(...scripts: Script[]): Promise<{ url: string; ids: (string | undefined)[] }> {
  const ids: (string | undefined)[] = [];
  server = createServer((request, response) => {
    ids.push(request.headers["last-event-id"] as string | undefined);
    const script = scripts[Math.min(ids.length, scripts.length) - 1]!;
    script(response, request);
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`, ids };
}

const frame = (seq: number, event: RunEvent) => {
  const passing = event.type === "delta";
  const envelope: Envelope = { run_id: "r", seq, at: 0, path: [], event };
  return `${passing ? "" : `id: ${seq}\n`}event: ${event.type}\ndata: ${JSON.stringify(envelope)}\n\n`;
};
const started = frame(1, { type: "run.started", target: "t" });
const step = (seq: number) => frame(seq, { type: "step.committed", step: seq });
const delta = (seq: number, text: string) => frame(seq, { type: "delta", message_id: "m", text });
const finished = (seq: number) => frame(seq, { type: "run.finished" });
const SYNC = "event: sync\ndata: {}\n\n";
const stream = (response: ServerResponse) => response.writeHead(200, { "content-type": "text/event-stream" });

async function watch(
  url: string,
  options: { after?: number; isOver?: () => Promise<boolean>; silence?: number; signal?: AbortSignal } = {},
) {
  const seen: string[] = [];
  const states: Connection[] = [];
  const end = await follow({
    url,
    after: options.after ?? 0,
    signal: options.signal ?? new AbortController().signal,
    timing: { pause: 10, longest: 40, silence: options.silence ?? 2_000 },
    onEvent: ({ seq, event }) => seen.push(event.type === "delta" ? `~${event.text}` : `${seq}`),
    onSync: () => seen.push("sync"),
    onConnection: (state) => states.push(state),
    ...(options.isOver ? { isOver: options.isOver } : {}),
  });
  return { seen, states, end };
}

it("reads to the end of a run", async () => {
  const { url, ids } = await serving((response) => stream(response).end(started + step(2) + finished(3)));
  expect(await watch(url)).toEqual({ seen: ["1", "2", "3"], states: ["connecting", "open", "closed"], end: 3 });
  expect(ids).toEqual([undefined]);
});

it("goes on after a broken line from the last durable event, each of them once", async () => {
  const { url, ids } = await serving(
    (response) => {
      stream(response).write(started + step(2) + SYNC + delta(2, "Hel"));
      setTimeout(() => response.destroy(), 20);
    },
    // A careless server sends number 2 again.
    (response) => stream(response).end(step(2) + step(3) + SYNC + delta(3, "Hello") + finished(4)),
  );
  expect((await watch(url)).seen).toEqual(["1", "2", "sync", "~Hel", "3", "sync", "~Hello", "4"]);
  expect(ids).toEqual([undefined, "2"]);
});

it("goes on when the server ends the stream although the run does not rest", async () => {
  const { url, ids } = await serving(
    (response) => stream(response).end(started),
    (response) => stream(response).end(finished(2)),
  );
  expect((await watch(url)).seen).toEqual(["1", "2"]);
  expect(ids).toEqual([undefined, "1"]);
});

it("begins where it is told", async () => {
  const { url, ids } = await serving((response) => stream(response).end(finished(8)));
  expect((await watch(url, { after: 7 })).end).toBe(8);
  expect(ids).toEqual(["7"]);
});

it("does not take a pause in the past for the end, even where the line breaks after it", async () => {
  const { url, ids } = await serving(
    (response) => {
      const paused = frame(2, { type: "run.paused" });
      stream(response).end(started + paused + frame(3, { type: "run.resumed", target: "t" }));
    },
    (response) => stream(response).end(finished(4)),
  );
  expect((await watch(url)).seen).toEqual(["1", "2", "3", "4"]);
  expect(ids).toEqual([undefined, "3"]);
});

it("waits through a server that is down for a while", async () => {
  const { url, ids } = await serving(
    (response) => response.writeHead(503).end("{}"),
    (response) => response.destroy(),
    (response) => stream(response).end(finished(1)),
  );
  expect((await watch(url)).seen).toEqual(["1"]);
  expect(ids).toHaveLength(3);
});

it("takes 204 for: you have seen it all", async () => {
  const { url, ids } = await serving((response) => response.writeHead(204).end());
  expect((await watch(url, { after: 5 })).end).toBe(5);
  expect(ids).toHaveLength(1);
});

it("gives up where the server refuses for good, and says why", async () => {
  const { url, ids } = await serving((response) =>
    response
      .writeHead(404, { "content-type": "application/problem+json" })
      .end(JSON.stringify({ type: "store.not_found", title: "Not found", status: 404, detail: "no such run" })),
  );
  await expect(watch(url)).rejects.toMatchObject({ status: 404, code: "store.not_found", message: "no such run" });
  expect(ids).toHaveLength(1);
});

it("asks whether the run is over before it comes back", async () => {
  const { url, ids } = await serving((response) => stream(response).end());
  expect((await watch(url, { after: 3, isOver: async () => true })).end).toBe(3);
  expect(ids).toHaveLength(1);
});

it("takes a silent line for a dead one; a comment is a sign of life", async () => {
  const { url, ids } = await serving(
    (response) => {
      stream(response).write(started);
      const beat = setInterval(() => response.write(": still here\n\n"), 60);
      setTimeout(() => clearInterval(beat), 300); // and then nothing, although the line stays open
    },
    (response) => stream(response).end(finished(2)),
  );
  const began = Date.now();
  expect((await watch(url, { silence: 150 })).seen).toEqual(["1", "2"]);
  expect(Date.now() - began).toBeGreaterThan(350);
  expect(ids).toEqual([undefined, "1"]);
});

it("stops at once when nobody looks any more", async () => {
  const { url } = await serving((response) => void stream(response).write(started));
  const abort = new AbortController();
  const watching = watch(url, { signal: abort.signal });
  setTimeout(() => abort.abort(), 50);
  await expect(watching).rejects.toMatchObject({ name: "AbortError" });
});

it("reads characters that are cut in two by the network", async () => {
  const bytes = Buffer.from(delta(0, "Grüße 🧵") + finished(1));
  const { url } = await serving((response) => {
    stream(response);
    let at = 0;
    const next = () =>
      at < bytes.length ? response.write(bytes.subarray(at, (at += 7)), () => setImmediate(next)) : response.end();
    next();
  });
  expect((await watch(url)).seen).toEqual(["~Grüße 🧵", "1"]);
});
