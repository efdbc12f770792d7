/** Holds the build against its budgets: what a first visit loads, what a page adds, what the wheel carries. Gzipped KiB. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST = 350;
const LAZY = 250;
const ALL = 4096;

const out = resolve(import.meta.dirname, "../../src/weft/ui/dist");
const assets = join(out, "assets");
const size = (file) => gzipSync(readFileSync(join(assets, file)), { level: 9 }).length / 1024;
/** The chunks that a chunk cannot do without. */
const needs = (file) =>
  file.endsWith(".js")
    ? [...readFileSync(join(assets, file), "utf8").matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)].map(
        (match) => match[1],
      )
    : [];

function closure(files) {
  const seen = new Set();
  const todo = [...files];
  while (todo.length > 0) {
    const file = todo.pop();
    if (!seen.has(file)) {
      seen.add(file);
      todo.push(...needs(file));
    }
  }
  return seen;
}

const sum = (files) => [...files].reduce((total, file) => total + size(file), 0);
const html = readFileSync(join(out, "index.html"), "utf8");
const first = closure([...html.matchAll(/assets\/([\w.-]+\.(?:js|css))/g)].map((match) => match[1]));
const pages = readdirSync(assets).filter((file) => file.endsWith(".js") && !first.has(file));
let failed = false;

function hold(name, value, limit) {
  const over = value > limit;
  failed ||= over;
  console.log(`${over ? "OVER" : "  ok"}  ${value.toFixed(1).padStart(7)} of ${limit} KiB  ${name}`);
}

hold("the frame, before any page", sum(first), FIRST);
for (const page of pages.filter((file) =>
  /^(home|inbox|chat|threads|history|runs|run|memory|knowledge|tools|policy|audit)-/.test(file),
)) {
  hold(`first load of ${basename(page)}`, sum(closure([...first, page])), FIRST);
}
hold("the largest lazy chunk", Math.max(...pages.map(size)), LAZY);
const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
hold(
  "everything in the wheel, not gzipped twice",
  files.reduce((total, entry) => total + statSync(join(entry.parentPath, entry.name)).size, 0) / 1024,
  ALL,
);
const missing = files
  .filter(({ name }) => /\.(js|css|svg|html)$/.test(name))
  .filter(
    ({ name, parentPath }) => !files.some((other) => other.name === `${name}.gz` && other.parentPath === parentPath),
  );
if (missing.length > 0) {
  failed = true;
  console.log(`no .gz beside: ${missing.map(({ name }) => name).join(", ")}`);
}
process.exit(failed ? 1 : 0);
