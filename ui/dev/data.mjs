/** The dev server's records: threads, messages, runs and events in memory, and a few to begin with. */
import { randomBytes } from "node:crypto";

export const now = () => Date.now() / 1000;
let last = 0;
/** Ids sort by time, as the real ones do. */
export const newId = (kind) => {
  last = Math.max(last + 1, Date.now());
  return `${kind}_${last.toString(36)}${randomBytes(4).toString("hex")}`;
};

const object = (properties) => ({ type: "object", properties, required: Object.keys(properties) });

export const AGENTS = [
  {
    name: "assistant",
    description: "Calculates, reports, and asks before it deletes.",
    model: "demo",
    demo: true,
    instructions: "Keep answers short. Use the tools.",
    output_schema: null,
    tools: [
      {
        name: "calculator",
        description: "Add whole numbers exactly.",
        effect: "read",
        approval: false,
        parameters: object({ expression: { type: "string" } }),
      },
      {
        name: "slow_report",
        description: "Write a report on a topic. It takes a while.",
        effect: "read",
        approval: false,
        parameters: object({ topic: { type: "string" } }),
      },
      {
        name: "stock_price",
        description: "The price of a stock. The exchange is always closed.",
        effect: "read",
        approval: false,
        parameters: object({ symbol: { type: "string" } }),
      },
      {
        name: "delete_files",
        description: "Delete all files of a folder. A person is asked first.",
        effect: "once",
        approval: true,
        parameters: object({ folder: { type: "string" } }),
      },
    ],
  },
  {
    name: "writer",
    description: "Thinks, then writes a long text with code, a table and links.",
    model: "scripted",
    demo: false,
    instructions: "",
    tools: [],
    output_schema: null,
  },
  {
    name: "broken",
    description: "Its provider is down.",
    model: "openai/gpt-5-mini",
    demo: false,
    instructions: "",
    tools: [],
    output_schema: null,
  },
];

export const DECISION = {
  anyOf: [
    { type: "boolean" },
    {
      type: "object",
      properties: {
        decision: { enum: ["approve", "edit", "reject", "respond"] },
        arguments: { type: "object" },
        reason: { type: "string" },
        response: { type: "string" },
      },
      required: ["decision"],
    },
  ],
};

export const threads = new Map();
export const runs = new Map();

export function newThread(title, target, at = now()) {
  const thread = { id: newId("thr"), title, target, head_seq: 0, created_at: at, updated_at: at, messages: [] };
  threads.set(thread.id, thread);
  return thread;
}

export function newRun(thread, target, input, at = now()) {
  const run = {
    id: newId("run"),
    thread_id: thread.id,
    target,
    user_id: "local",
    status: "queued",
    input,
    output: null,
    error: null,
    usage: null,
    seq: 0,
    questions: [],
    created_at: at,
    updated_at: at,
    events: [],
    open: new Map(),
    partial: new Map(),
    listeners: new Set(),
    answers: {},
  };
  runs.set(run.id, run);
  thread.target = target;
  return run;
}

export function addMessage(thread, run, message, at = now()) {
  thread.head_seq += 1;
  thread.updated_at = at;
  const stored = { seq: thread.head_seq, run_id: run?.id ?? null, at, message: { id: newId("msg"), ...message } };
  thread.messages.push(stored);
  return stored;
}

export const text = (role, words) => ({ role, parts: [{ type: "text", text: words }] });

/** `count` messages in turns of four: a question, a tool call, its result, an answer. */
export function seedLong(count) {
  const thread = newThread(`A long thread of ${count} messages`, "assistant", now() - 7200);
  for (let at = 0; at < count / 4; at++) {
    const when = now() - 7200 + at * 3;
    const call = `call_${at}`;
    addMessage(thread, null, text("user", `Question ${at + 1}: what is ${at} + ${at}?`), when);
    addMessage(
      thread,
      null,
      {
        role: "assistant",
        author: "assistant",
        parts: [{ type: "tool_call", id: call, name: "calculator", arguments: { expression: `${at} + ${at}` } }],
      },
      when + 1,
    );
    addMessage(
      thread,
      null,
      { role: "tool", parts: [{ type: "tool_result", call_id: call, name: "calculator", content: String(2 * at) }] },
      when + 1.1,
    );
    const more =
      at % 7 === 0
        ? "\n\n- one\n- two, with **bold** and `code`\n\n```python\nprint(" + at + " + " + at + ")\n```"
        : "";
    addMessage(
      thread,
      null,
      { ...text("assistant", `[demo] calculator says: ${2 * at}.${more}`), author: "assistant" },
      when + 2,
    );
  }
  return thread;
}

export function seed() {
  seedLong(2000);
  for (let at = 0; at < 70; at++) {
    const thread = newThread(
      ["Trip to Rome", "Quarterly numbers", "Fix the login test", "Menu for Saturday", "Draft of the announcement"][
        at % 5
      ] + (at > 4 ? ` ${at}` : ""),
      AGENTS[at % 2].name,
      now() - 86_400 * (at / 6) - 900,
    );
    addMessage(thread, null, text("user", "Hello"), thread.created_at);
    addMessage(thread, null, { ...text("assistant", "[demo] Hello!"), author: thread.target }, thread.created_at + 1);
  }
}
