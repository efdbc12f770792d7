/** The strings module holds what the interface says, and nothing else. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { en } from "~/strings/en";

const SRC = join(import.meta.dirname, "../src");
const code = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => /\.tsx?$/.test(entry.name) && !entry.parentPath.includes("/src/strings"))
  .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
  .join("\n");

const names = Object.entries(en).flatMap(([section, value]) =>
  typeof value === "object" ? Object.keys(value).map((name) => `${section}.${name}`) : [section],
);

it.each(names)("%s is said somewhere", (name) => {
  const [section] = name.split(".");
  const said = new RegExp(`\\bt\\.${name.replace(".", "\\.")}\\b|\\bt\\.${section}\\[`);
  expect(said.test(code)).toBe(true);
});
