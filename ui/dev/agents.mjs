/** How the dev server's agents behave: a few words in the input choose what is shown. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { addMessage, DECISION, newId, now, text, threads } from "./data.mjs";

const ESSAY = readFileSync(new URL("../e2e/essay.md", import.meta.url), "utf8");

export class Cancelled extends Error {}

/** Tells whoever listens; durable events get a number and are kept. */
export function emit(run, event, path = [run.target]) {
  const passing = ["delta", "node.started", "model.started", "tool.started"].includes(event.type);
  if (!passing) run.seq += 1;
  const envelope = { run_id: run.id, seq: run.seq, at: now(), path, event };
  if (!passing) run.events.push(envelope);
  run.updated_at = envelope.at;
  keepPassing(run, envelope);
  for (const listener of run.listeners) listener(envelope);
}

function keepPassing(run, envelope) {
  const { event, path } = envelope;
  const key = (name) => `${path.join("/")}:${name}`;
  if (event.type === "node.started") run.open.set(key(event.node), envelope);
  else if (event.type === "model.started") run.open.set(key(event.model), envelope);
  else if (event.type === "tool.started") run.open.set(key(event.call_id), envelope);
  else if (event.type.startsWith("node.")) run.open.delete(key(event.node));
  else if (event.type === "model.finished") run.open.delete(key(event.model));
  else if (event.type === "tool.finished") run.open.delete(key(event.call_id));
  else if (event.type === "delta") {
    const id = `${event.message_id}:${event.kind ?? "text"}`;
    const before = run.partial.get(id);
    run.partial.set(id, { ...envelope, event: { ...event, text: (before?.event.text ?? "") + event.text } });
  } else if (event.type === "message.added") run.partial.clear();
  if (["run.paused", "run.finished", "run.failed", "run.cancelled"].includes(event.type)) {
    run.open.clear();
    run.partial.clear();
  }
}

/** Drives the run from where it is until it rests. */
export async function drive(run) {
  const thread = threads.get(run.thread_id);
  try {
    await sleep(120);
    check(run);
    const resumed = run.seq > 0;
    run.status = "running";
    emit(
      run,
      resumed
        ? { type: "run.resumed", target: run.target, reason: "answered" }
        : { type: "run.started", target: run.target },
    );
    if (!resumed) say(run, thread, text("user", run.input));
    await (run.target === "writer"
      ? write(run, thread)
      : run.target === "broken"
        ? fail(run)
        : assist(run, thread, resumed));
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error;
  }
}

function check(run) {
  if (run.status === "cancelled") throw new Cancelled();
}

function say(run, thread, message) {
  const stored = addMessage(thread, run, message);
  emit(run, { type: "message.added", seq: stored.seq, message: stored.message });
  return stored;
}

async function think(run, thread, step, parts, delay = 18) {
  const path = [run.target, `${step}:think`];
  const started = now();
  emit(run, { type: "node.started", node: "think" }, path);
  emit(run, { type: "model.started", model: "demo" }, path);
  const id = newId("msg");
  let first = null;
  let said = 0;
  for (const part of parts.filter(({ type }) => type === "text" || type === "reasoning")) {
    for (const words of part.text.match(/\s*\S+\s*/g) ?? []) {
      await sleep(delay);
      check(run);
      first ??= now();
      said += 1;
      emit(
        run,
        { type: "delta", message_id: id, text: words, ...(part.type === "reasoning" ? { kind: "reasoning" } : {}) },
        path,
      );
    }
  }
  const usage = {
    requests: 1,
    input_tokens: 320 + said,
    output_tokens: Math.max(1, said),
    ...(run.target === "writer" ? { cost: null } : {}),
  };
  run.usage = {
    requests: (run.usage?.requests ?? 0) + 1,
    input_tokens: (run.usage?.input_tokens ?? 0) + usage.input_tokens,
    output_tokens: (run.usage?.output_tokens ?? 0) + usage.output_tokens,
    ...(run.target === "writer" ? { cost: null } : {}),
  };
  emit(run, { type: "model.finished", model: "demo", usage, started_at: started, first_piece_at: first }, path);
  say(run, thread, { role: "assistant", author: run.target, id, parts });
  emit(run, { type: "node.finished", node: "think", started_at: started }, path);
  emit(run, { type: "step.committed", step, changed: ["messages"] });
}

async function act(run, thread, step, call, work) {
  const path = [run.target, `${step}:act`];
  const started = now();
  emit(run, { type: "node.started", node: "act" }, path);
  emit(run, { type: "tool.started", call_id: call.id, name: call.name, arguments: call.arguments }, path);
  const result = { type: "tool_result", call_id: call.id, name: call.name, ...(await work()) };
  check(run);
  emit(
    run,
    {
      type: "tool.finished",
      call_id: call.id,
      name: call.name,
      started_at: started,
      ...(result.failed ? { failed: true } : {}),
    },
    path,
  );
  say(run, thread, { role: "tool", parts: [result] });
  emit(run, { type: "node.finished", node: "act", started_at: started }, path);
}

function finish(run, output) {
  run.status = "finished";
  run.output = output;
  emit(run, { type: "run.finished", output, usage: run.usage });
}

async function assist(run, thread, resumed) {
  const words = String(run.input).toLowerCase();
  const name = words.includes("delete")
    ? "delete_files"
    : words.includes("report")
      ? "slow_report"
      : words.includes("stock")
        ? "stock_price"
        : /\d/.test(words)
          ? "calculator"
          : null;
  if (!name) {
    await think(run, thread, 1, [
      { type: "text", text: "[demo] Hello! I run without a key and without a network, and I only match words." },
    ]);
    return finish(run, "Hello!");
  }
  const call = resumed
    ? run.call
    : { type: "tool_call", id: newId("call"), name, arguments: argumentsOf(name, run.input) };
  run.call = call;
  if (!resumed)
    await think(run, thread, 1, [{ type: "reasoning", text: `The words ask for ${name}, so I call it.` }, call]);
  if (name === "delete_files" && !run.answers[`${run.id}/ask`]) {
    run.status = "paused";
    run.questions = [{ id: `${run.id}/ask`, payload: { tool: name, arguments: call.arguments }, schema: DECISION }];
    return emit(run, { type: "run.paused", questions: run.questions });
  }
  let said = "";
  await act(run, thread, 2, call, async () => {
    await sleep(name === "slow_report" ? 2500 : 60);
    if (name === "stock_price")
      return { content: (said = "the exchange is closed, there is no price of ACME"), failed: true };
    const answer = run.answers[`${run.id}/ask`];
    if (answer && answer.decision === "reject")
      return { content: (said = `a person said no${answer.reason ? `: ${answer.reason}` : ""}`), failed: true };
    return {
      content: (said =
        name === "calculator"
          ? "42"
          : name === "slow_report"
            ? "Report: all is well."
            : `deleted everything in ${(answer?.arguments ?? call.arguments).folder}`),
    };
  });
  await think(run, thread, 3, [{ type: "text", text: `[demo] ${name} says: ${said}` }]);
  return finish(run, said);
}

function argumentsOf(name, input) {
  if (name === "calculator")
    return {
      expression:
        String(input)
          .match(/[\d+ ]+/)?.[0]
          .trim() ?? "0",
    };
  return name === "slow_report"
    ? { topic: "Rome" }
    : name === "stock_price"
      ? { symbol: "ACME" }
      : { folder: "drafts" };
}

async function write(run, thread) {
  await think(
    run,
    thread,
    1,
    [
      { type: "reasoning", text: "First the *why*, then an example.\n\nA table may help." },
      { type: "text", text: ESSAY },
    ],
    10,
  );
  finish(run, ESSAY);
}

async function fail(run) {
  const path = [run.target, "1:think"];
  const started = now();
  emit(run, { type: "node.started", node: "think" }, path);
  await sleep(300);
  check(run);
  emit(
    run,
    {
      type: "node.failed",
      node: "think",
      code: "model.overloaded",
      message: "the provider is overloaded",
      started_at: started,
    },
    path,
  );
  run.status = "failed";
  run.error = "model.overloaded: the provider is overloaded, try again later";
  emit(run, { type: "run.failed", code: "model.overloaded", message: "the provider is overloaded, try again later" });
}
