/** Browser journeys on the real server: `npm run e2e` starts one; with WEFT_URL set they use that. */
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  workers: 2,
  fullyParallel: true,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  forbidOnly: Boolean(process.env.CI),
  retries: process.env.CI ? 1 : 0,
  reporter: [["list"]],
  projects: [
    { name: "journeys", testIgnore: "paced.spec.ts" },
    // What is measured in milliseconds has the machine to itself.
    { name: "paced", testMatch: "paced.spec.ts", dependencies: ["journeys"], workers: 1, fullyParallel: false },
  ],
  use: {
    baseURL: process.env.WEFT_URL ?? "http://127.0.0.1:8321/",
    viewport: { width: 1366, height: 860 },
    locale: "en-GB",
    screenshot: "only-on-failure",
    trace: process.env.WEFT_TRACE ? "retain-on-failure" : "off",
    launchOptions: {
      executablePath: process.env.WEFT_CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
