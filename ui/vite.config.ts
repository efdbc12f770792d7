/** How the UI is built: relative addresses, hashed assets, a `.gz` beside every text file, licences. */
import { readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { extname, join, resolve } from "node:path";
import { constants, gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const OUT = resolve(import.meta.dirname, "../src/weft/ui/dist");
const API = process.env.WEFT_URL ?? "http://127.0.0.1:8321";

/** Puts `src/boot.js` into the head as a blocking script of its own: a strict CSP forbids inline ones. */
function bootScript(): Plugin {
  const source = resolve(import.meta.dirname, "src/boot.js");
  let serving = false;
  return {
    name: "weft-boot-script",
    configResolved(config) {
      serving = config.command === "serve";
    },
    transformIndexHtml() {
      const code = readFileSync(source);
      const hash = createHash("sha256").update(code).digest("base64url").slice(0, 8);
      const src = serving ? "/src/boot.js" : `./assets/boot-${hash}.js`;
      return [{ tag: "script", attrs: { src }, injectTo: "head" }];
    },
    generateBundle() {
      const code = readFileSync(source);
      const hash = createHash("sha256").update(code).digest("base64url").slice(0, 8);
      this.emitFile({ type: "asset", fileName: `assets/boot-${hash}.js`, source: code });
    },
  };
}

/** Writes `x.gz` beside every text file `x`, so that no server has to compress at run time. */
function gzipSiblings(): Plugin {
  const text = new Set([".js", ".css", ".html", ".svg", ".md", ".json"]);
  return {
    name: "weft-gzip-siblings",
    apply: "build",
    async closeBundle() {
      for (const entry of await readdir(OUT, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !text.has(extname(entry.name))) continue;
        const path = join(entry.parentPath, entry.name);
        await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [react(), tailwindcss(), bootScript(), gzipSiblings()],
  resolve: { alias: { "~": resolve(import.meta.dirname, "src") } },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    license: { fileName: "licenses.md" },
    chunkSizeWarningLimit: 700,
    assetsInlineLimit: 0,
  },
  server: { host: "127.0.0.1", proxy: { "/api": { target: API, changeOrigin: true } } },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
