/**
 * A small server that speaks the REST contract from memory, for work on the UI without Python.
 * `node dev/server.mjs [port] [prefix]`; it also serves the built UI, under the strictest policy that the UI works with.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { drive, emit } from "./agents.mjs";
import { AGENTS, newRun, newThread, runs, seed, threads } from "./data.mjs";

const DIST = fileURLToPath(new URL("../../src/weft/ui/dist", import.meta.url));
export const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'";
const TYPES = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".md": "text/markdown",
  ".html": "text/html",
};

class Problem extends Error {
  constructor(status, type, detail) {
    super(detail);
    Object.assign(this, { status, type });
  }
}

const found = (map, id) => {
  const item = map.get(id);
  if (!item) throw new Problem(404, "store.not_found", `there is no ${id}`);
  return item;
};

const threadView = ({ messages: _, ...thread }) => thread;
const runView = ({
  id,
  thread_id,
  target,
  user_id,
  status,
  input,
  output,
  error,
  usage,
  seq,
  questions,
  created_at,
  updated_at,
}) => ({
  id,
  thread_id,
  target,
  user_id,
  status,
  input,
  output,
  error,
  usage,
  seq,
  questions: status === "paused" ? questions : [],
  created_at,
  updated_at,
});

function page(all, query, key) {
  const limit = Number(query.get("limit") ?? 50);
  const from = query.get("cursor") ? all.findIndex((item) => key(item) === query.get("cursor")) + 1 : 0;
  const items = all.slice(from, from + limit);
  return { items, next: from + limit < all.length ? key(items.at(-1)) : null };
}

const routes = [
  [
    "GET",
    /^health$/,
    () => ({
      status: "ok",
      version: "dev",
      store: { url: "memory:", ok: true },
      workspace: "default",
      models: { default: "demo", reason: "no key is set", demo: true },
    }),
  ],
  ["GET", /^agents$/, () => ({ items: AGENTS })],
  ["GET", /^agents\/(.+)$/, ({ id }) => AGENTS.find(({ name }) => name === id) ?? found(new Map(), id)],
  [
    "GET",
    /^threads$/,
    ({ query }) =>
      page(
        [...threads.values()].sort((a, b) => b.updated_at - a.updated_at).map(threadView),
        query,
        (thread) => thread.id,
      ),
  ],
  ["GET", /^threads\/([^/]+)$/, ({ id }) => threadView(found(threads, id))],
  [
    "PATCH",
    /^threads\/([^/]+)$/,
    ({ id, body }) => threadView(Object.assign(found(threads, id), { title: body.title })),
  ],
  [
    "DELETE",
    /^threads\/([^/]+)$/,
    ({ id }) => {
      found(threads, id);
      threads.delete(id);
      for (const run of runs.values()) if (run.thread_id === id) runs.delete(run.id);
    },
  ],
  ["GET", /^threads\/([^/]+)\/messages$/, messages],
  ["GET", /^threads\/([^/]+)\/context$/, context],
  ["POST", /^runs$/, start],
  [
    "GET",
    /^runs$/,
    ({ query }) =>
      page(
        [...runs.values()]
          .reverse()
          .filter(
            (run) =>
              (!query.get("thread_id") || run.thread_id === query.get("thread_id")) &&
              (!query.get("status") || run.status === query.get("status")),
          )
          .map((run) => ({ ...runView(run), input: null, output: null })),
        query,
        (run) => run.id,
      ),
  ],
  ["GET", /^runs\/([^/]+)$/, ({ id }) => runView(found(runs, id))],
  ["GET", /^runs\/([^/]+)\/breakpoints$/, ({ id }) => ({ breakpoints: found(runs, id).breakpoints ?? [] })],
  ["GET", /^interrupts$/, ({ query }) => ({ items: query.get("status") === "unknown" ? [] : asked(), next: null })],
  ["POST", /^interrupts\/answers$/, answerSeveral],
  ["POST", /^runs\/([^/]+)\/cancel$/, cancel],
  ["POST", /^runs\/([^/]+)\/answers$/, answer],
  ["GET", /^runs\/([^/]+)\/events$/, events],
  ["GET", /^(feedback|memories|knowledge|proposals|chores)$/, () => ({ items: [], next: null })], // it keeps none
];

function messages({ id, query }) {
  const { messages: all } = found(threads, id);
  const after = Number(query.get("after") ?? 0);
  const before = Number(query.get("before") ?? Infinity);
  const limit = Number(query.get("limit") ?? 50);
  const inside = all.filter(({ seq }) => seq > after && seq < before);
  const newest = query.get("newest") === "true";
  const items = newest ? inside.slice(-limit) : inside.slice(0, limit);
  return { items, next: items.length < inside.length ? (newest ? items[0].seq : items.at(-1).seq) : null };
}

function context({ id }) {
  const { messages: all, target } = found(threads, id);
  const start = Math.max(1, all.length - 39);
  const agent = AGENTS.find(({ name }) => name === target);
  const size = (words) => Math.ceil(words.length / 4);
  const items = [{ source: "instructions", seq: null, role: "system", text: agent?.instructions || "Be brief." }];
  if (agent?.tools.length)
    items.push({ source: "tools", seq: null, role: "system", text: JSON.stringify(agent.tools) });
  for (const { seq, message } of all.slice(start - 1))
    items.push({
      source: "message",
      seq,
      role: message.role,
      text: message.parts.map((part) => part.text ?? part.content ?? JSON.stringify(part.arguments)).join("\n"),
    });
  for (const item of items) item.tokens = size(item.text);
  return {
    conversation: "",
    start_seq: start,
    summary: null,
    tokens: items.reduce((sum, { tokens }) => sum + tokens, 0),
    items,
  };
}

function start({ body, response }) {
  if (!AGENTS.some(({ name }) => name === body.target))
    throw new Problem(404, "target.not_found", `nothing here is called '${body.target}'`);
  const thread = body.thread_id
    ? found(threads, body.thread_id)
    : newThread(String(body.input).slice(0, 60), body.target);
  const run = newRun(thread, body.target, body.input);
  void drive(run);
  response.statusCode = 202;
  return runView(run);
}

function cancel({ id, body }) {
  const run = found(runs, id);
  if (["queued", "running", "paused"].includes(run.status)) {
    run.status = "cancelled";
    emit(run, { type: "run.cancelled", reason: body?.reason ?? null });
  }
  return runView(run);
}

/** What paused runs ask, as the inbox shows it. */
function asked() {
  return [...runs.values()]
    .filter(({ status }) => status === "paused")
    .flatMap((run) =>
      run.questions.map((question) => ({
        kind: "approval",
        expires_at: null,
        ...question,
        run_id: run.id,
        status: "open",
        path: [run.target],
        tool: question.payload?.tool ?? null,
        arguments: question.payload?.arguments ?? null,
        target: run.target,
        thread_id: run.thread_id,
        thread_title: threads.get(run.thread_id)?.title ?? "",
        user_id: run.user_id,
        created_at: run.updated_at,
      })),
    );
}

function answerSeveral({ body }) {
  const items = body.answers.map(({ run_id: id, id: question, answer: value }) => {
    const { status } = answer({ id, body: { answers: { [question]: value } } });
    return { run_id: id, status };
  });
  return { items };
}

function answer({ id, body }) {
  const run = found(runs, id);
  Object.assign(run.answers, body.answers);
  if (run.status === "paused") {
    run.status = "queued";
    void drive(run);
  }
  return runView(run);
}

function events({ id, query, request, response }) {
  const run = found(runs, id);
  const after = Number(request.headers["last-event-id"] ?? query.get("after") ?? 0);
  const stored = run.events.filter(({ seq }) => seq > after);
  if (query.get("format") === "json") return { items: stored };
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const passing = ({ event }) => ["delta", "node.started", "model.started", "tool.started"].includes(event.type);
  const send = (envelope) =>
    response.write(
      `${passing(envelope) ? "" : `id: ${envelope.seq}\n`}event: ${envelope.event.type}\ndata: ${JSON.stringify(envelope)}\n\n`,
    );
  stored.forEach(send);
  if (!["queued", "running"].includes(run.status)) return response.end();
  response.write("event: sync\ndata: {}\n\n");
  for (const envelope of [...run.open.values(), ...run.partial.values()]) send(envelope);
  const listener = (envelope) => {
    send(envelope);
    if (["run.finished", "run.failed", "run.cancelled", "run.paused"].includes(envelope.event.type)) response.end();
  };
  const beat = setInterval(() => response.write(": still here\n\n"), 15_000);
  run.listeners.add(listener);
  response.on("close", () => {
    clearInterval(beat);
    run.listeners.delete(listener);
  });
  return undefined;
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length ? JSON.parse(Buffer.concat(chunks)) : undefined;
}

async function callApi(path, query, request, response) {
  for (const [method, pattern, handle] of routes) {
    const match = pattern.exec(path);
    if (!match || method !== request.method) continue;
    const result = await handle({
      id: match[1] && decodeURIComponent(match[1]),
      query,
      request,
      response,
      body: await body(request),
    });
    if (response.headersSent) return;
    if (result === undefined) response.writeHead(204).end();
    else response.setHeader("content-type", "application/json").end(JSON.stringify(result));
    return;
  }
  throw new Problem(404, "route.not_found", "There is nothing at this address.");
}

async function callFile(path, prefix, response) {
  const page = /^\/((chat|threads|runs|inbox)(\/[^/]+(\/history)?)?\/?)?$/.test(path);
  try {
    const file = await readFile(join(DIST, page ? "index.html" : normalize(path)));
    const type = TYPES[page ? ".html" : extname(path)] ?? "application/octet-stream";
    const text = page ? file.toString().replace(/<base[^>]*>/, `<base href="${prefix}/">`) : file;
    response.writeHead(200, { "content-type": `${type}; charset=utf-8`, "content-security-policy": POLICY }).end(text);
  } catch {
    throw new Problem(404, "route.not_found", "There is nothing at this address.");
  }
}

export function serve(port = 8321, prefix = "") {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    const path = pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : null;
    const done =
      path === null
        ? Promise.reject(new Problem(404, "route.not_found", "outside the prefix"))
        : path.startsWith("/api/v1/")
          ? callApi(path.slice(8), searchParams, request, response)
          : callFile(path, prefix, response);
    done.catch((error) => {
      const { status = 500, type = "server.defect", message } = error;
      if (!response.headersSent) response.writeHead(status, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ type, title: type, status, detail: message }));
      if (status === 500) console.error(error);
    });
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  seed();
  const [port = "8321", prefix = ""] = process.argv.slice(2);
  const server = await serve(Number(port), prefix);
  console.log(`http://127.0.0.1:${server.address().port}${prefix}/`);
}
