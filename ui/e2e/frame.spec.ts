import type { AddressInfo } from "node:net";
import { begin, expect, startRun, test } from "./desk";
import { serve } from "../dev/server.mjs";

test("the first page teaches, and starts a chat", async ({ page }) => {
  await page.goto("");
  await expect(page.locator("main ol > li")).toHaveCount(3);
  await page.locator("[data-composer]").fill("Hello");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.waitForURL(/\/chat\/.+/);
});

test("keys: palette, pages, help, sidebar", async ({ page }) => {
  await page.goto("threads");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Threads");
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByPlaceholder("Go to, start, find…").fill("runs");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/runs$/);
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await expect(page).toHaveURL(/\/threads$/);
  await page.keyboard.press("/");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type("g r");
  await expect(page).toHaveURL(/\/threads$/);
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toContainText("Keyboard shortcuts");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const side = page.getByRole("complementary").first();
  const wide = (await side.boundingBox())!.width;
  await page.keyboard.press("[");
  await expect.poll(async () => (await side.boundingBox())!.width).toBeLessThan(wide / 2);
});

test("the theme follows the system until somebody chooses, and is kept", async ({ page }) => {
  // Just after a reload there is no element yet.
  const scheme = () => page.evaluate(() => document.querySelector("html")?.dataset.scheme);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("runs");
  expect(await scheme()).toBe("dark");
  await page.emulateMedia({ colorScheme: "light" });
  await expect.poll(scheme).toBe("light");
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  await expect.poll(scheme).toBe("dark");
  await page.reload({ waitUntil: "commit" });
  await expect.poll(scheme).toBe("dark");
});

test("on a phone everything is within reach", async ({ page, request }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const run = await startRun(request, "assistant", "Please delete files of the folder 'drafts'", { wait: 20 });
  await page.goto("");
  await page.getByRole("button", { name: "Open menu" }).click();
  await page.getByRole("dialog").getByRole("link", { name: "Runs" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.locator(`[data-run=${run.id}]`).getByRole("link").click();
  await page.getByRole("link", { name: "Open thread" }).click();
  await page.getByRole("button", { name: "Threads" }).click();
  await expect(page.getByRole("dialog").getByRole("searchbox")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "What the model sees" }).click();
  await expect(page.getByRole("dialog")).toContainText("tokens");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("deleted everything").first()).toBeVisible();
  const thread = `threads/${run.thread_id}/history`;
  const ran = `runs/${run.id}`;
  for (const path of [
    "",
    "inbox",
    "chat",
    "threads",
    thread,
    "runs",
    ran,
    `${ran}?tab=history`,
    `chat/${run.thread_id}`,
    "memory",
    "memory?tab=profile",
    "memory?tab=proposals",
    "memory?tab=work",
    "knowledge",
    "knowledge/handbook",
  ]) {
    await page.goto(path);
    await page.getByRole("main").getByRole("heading").first().waitFor();
    await expect(page.getByText("Loading", { exact: true })).toHaveCount(0);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, path).toBeLessThanOrEqual(390);
  }
});

test("an address that is wrong says so", async ({ page, clean }) => {
  clean.allow(/404/);
  await page.goto("runs/run_nothing");
  await expect(page.getByRole("alert")).toContainText("run_nothing");
});

test("under a prefix, and under the strictest policy", async ({ page, clean }) => {
  clean.allow(/^request: /); // it is another server than the one of the other journeys
  const server = await serve(0, "/deep/weft");
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deep/weft/`;
    await page.goto(base);
    await page.locator("[data-composer]").fill("Please make a slow report");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${base}chat/*`);
    await expect(page.locator("[data-tool]")).toHaveAttribute("data-state", "done");
    await page.reload();
    await expect(page.locator("[data-tool]")).toHaveAttribute("data-state", "done");
    await page.getByRole("link", { name: "Runs" }).click();
    await expect(page).toHaveURL(`${base}runs`);
    await page.locator("[data-run] a").first().click();
    await expect(page.locator("[data-span=tool]")).toBeVisible();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a chat needs no mouse", async ({ page }) => {
  await begin(page, "quick", "Hello");
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement?.tagName);
  expect(focused).not.toBe("BODY");
});
