/** Starts the real server on a free port with a store of its own, runs the journeys against it, and ends it. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const here = import.meta.dirname;
const root = resolve(here, "../..");
const local = join(root, ".venv/bin/python");
const python = process.env.WEFT_PYTHON ?? (existsSync(local) ? local : "python3");
/** No key of a provider is in it: the demo model answers. */
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_API_KEY$|^WEFT_/.test(name)));
const found = ["chromium", "google-chrome"].map((name) => `/usr/bin/${name}`).find(existsSync);

const storeIn = (folder) => `sqlite:///${join(folder, "weft.db")}`;

/** The long thread of the journeys: a thousand real runs, made before anybody looks. */
async function seed(folder) {
  const child = spawn(python, [join(here, "seed.py"), storeIn(folder)], { cwd: folder, env: bare, stdio: "inherit" });
  const code = await new Promise((done) => child.on("exit", done));
  if (code !== 0) throw new Error(`seeding ended with ${code}`);
}

/** Where the server says that it listens. */
async function serve(folder) {
  const args = ["-m", "weft", "serve", join(here, "app.py"), "--store", storeIn(folder), "--port", "0", "--json"];
  const server = spawn(python, args, { cwd: folder, env: bare, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  server.stdout.on("data", (chunk) => (said += chunk));
  for (let tries = 0; tries < 300; tries++) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}: ${said}`);
    const url = /"url": *"([^"]+)"/.exec(said)?.[1];
    if (
      url &&
      (await fetch(new URL("api/v1/health", url)).then(
        (answer) => answer.ok,
        () => false,
      ))
    )
      return { server, url };
    await new Promise((next) => setTimeout(next, 100));
  }
  server.kill();
  throw new Error("the server did not get ready within 30 s");
}

async function play(url) {
  const playwright = resolve(here, "../node_modules/@playwright/test/cli.js");
  const env = {
    ...process.env,
    WEFT_URL: url,
    ...(process.env.WEFT_CHROMIUM || !found ? {} : { WEFT_CHROMIUM: found }),
  };
  const child = spawn(process.execPath, [playwright, "test", ...process.argv.slice(2)], {
    cwd: resolve(here, ".."),
    env,
    stdio: "inherit",
  });
  return new Promise((done) => child.on("exit", (code) => done(code ?? 1)));
}

if (process.env.WEFT_URL) {
  process.exitCode = await play(process.env.WEFT_URL);
} else {
  const folder = await mkdtemp(join(tmpdir(), "weft-e2e-"));
  try {
    await seed(folder);
    const { server, url } = await serve(folder);
    try {
      process.exitCode = await play(url);
    } finally {
      const ended = new Promise((done) => server.on("exit", done));
      server.kill("SIGTERM");
      await Promise.race([ended, new Promise((done) => setTimeout(done, 8_000))]);
      if (server.exitCode === null) server.kill("SIGKILL");
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
