import { answers, expect, startRun, test } from "./desk";

async function named(request: Parameters<typeof startRun>[0], title: string): Promise<string> {
  const { thread_id: thread } = await startRun(request, "quick", "Hello", { wait: 10 });
  await request.patch(`api/v1/threads/${thread}`, { data: { title } });
  return thread;
}

test("a new chat is called by its first words", async ({ page }) => {
  await page.goto("chat");
  await page.locator("[data-composer]").fill("Plan a trip\nto Rome");
  await page.locator("[data-composer]").press("Enter");
  await page.waitForURL(/\/chat\/.+/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Plan a trip to Rome");
});

test("search, rename, delete", async ({ page, request }) => {
  await named(request, "Alpha needle");
  await named(request, "Beta hay");
  await page.goto("threads");
  await page.getByRole("searchbox", { name: "Search titles" }).fill("needle");
  await expect(page.getByRole("link", { name: "Alpha needle" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Beta hay" })).toHaveCount(0);

  await page.getByRole("button", { name: "Actions of Alpha needle" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Gamma needle");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("link", { name: "Gamma needle" })).toBeVisible();

  await page.getByRole("button", { name: "Actions of Gamma needle" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("link", { name: "Gamma needle" })).toBeVisible();
  await page.getByRole("button", { name: "Actions of Gamma needle" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("has “needle”")).toBeVisible();
});

test("what the model sees, by source; and back to the message", async ({ page, request }) => {
  const run = await startRun(request, "assistant", "Add 17 + 4", { wait: 20 });
  await page.goto(`chat/${run.thread_id}`);
  await page.getByRole("button", { name: "What the model sees" }).click();
  const panel = page.getByRole("complementary", { name: "Context" });
  await expect(panel.getByText(/^\d+ tokens$/)).toBeVisible();
  await expect(panel.getByRole("list", { name: "By source" })).toContainText("Instructions");
  await expect(panel.getByRole("list", { name: "By source" })).toContainText("Messages");
  await panel.getByRole("button", { name: "Go to message 1" }).click();
  await expect(page.locator("[data-seq='1']")).toBeInViewport();
});

test("a thread that is not there", async ({ page, clean }) => {
  clean.allow(/404/);
  await page.goto("chat/thread_nothing");
  await expect(page.getByRole("alert")).toBeVisible();
});

test.describe("a thread of 2,000 messages", () => {
  const MESSAGES = 2000;
  let thread = "";

  test.beforeAll(async ({ playwright, baseURL }) => {
    test.setTimeout(180_000);
    const request = await playwright.request.newContext({ baseURL: baseURL! });
    for (let at = 0; at < MESSAGES / 2; at++) {
      const words = at === 700 ? "the needle in the hay" : `Message ${at}: how are you?`;
      const run = await startRun(request, "quick", words, { wait: 20, ...(thread ? { thread } : {}) });
      thread = run.thread_id;
    }
    await request.patch(`api/v1/threads/${thread}`, { data: { title: "Two thousand" } });
    await request.dispose();
  });

  test("is visible within 1.5 s, with few rows in the page", async ({ page }) => {
    await page.goto("threads");
    await page.getByRole("link", { name: "Two thousand" }).waitFor();
    const began = Date.now();
    await page.goto(`chat/${thread}`);
    await expect(page.getByText("Message 999: how are you?")).toBeInViewport();
    expect(Date.now() - began).toBeLessThan(1500);
    expect(await page.locator("[data-index]").count()).toBeLessThan(80);
  });

  test("scrolls smoothly from its end to its beginning", async ({ page }) => {
    await page.goto(`chat/${thread}`);
    const list = page.locator("[data-messages]");
    await expect(page.getByText("Message 999: how are you?")).toBeInViewport();
    const slow = await list.evaluate(async (element) => {
      const frames: number[] = [];
      let before = performance.now();
      for (let step = 0; step < 90; step++) {
        element.scrollTop -= 400;
        await new Promise((next) => requestAnimationFrame(next));
        frames.push(performance.now() - before);
        before = performance.now();
      }
      return frames.sort((a, b) => a - b)[Math.floor(frames.length * 0.95)]!;
    });
    expect(slow).toBeLessThan(100);
    await list.evaluate((element) => (element.scrollTop = 0));
    await expect(page.getByText("Message 0: how are you?")).toBeInViewport();
    expect(await page.locator("[data-index]").count()).toBeLessThan(80);
    await page.getByRole("button", { name: "Jump to the newest message" }).click();
    await expect(page.getByText("Message 999: how are you?")).toBeInViewport();
  });

  test("is searched whole, although most of it is not in the page", async ({ page }) => {
    await page.goto(`chat/${thread}`);
    await expect(page.getByText("Message 999: how are you?")).toBeInViewport();
    await page.keyboard.press("ControlOrMeta+f");
    await page.keyboard.type("needle in the");
    await expect(page.getByText("1 of 1")).toBeVisible();
    await expect(page.getByText("the needle in the hay")).toBeInViewport();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("search")).toHaveCount(0);
  });

  test("takes keys within 50 ms", async ({ page }) => {
    await page.goto(`chat/${thread}`);
    await expect(page.getByText("Message 999: how are you?")).toBeInViewport();
    const field = page.locator("[data-composer]");
    await field.focus();
    await page.evaluate(() => {
      const times: number[] = [];
      Object.assign(window, { times });
      let began = 0;
      window.addEventListener("keydown", () => (began = performance.now()), true);
      window.addEventListener(
        "input",
        () => requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - began))),
        true,
      );
    });
    await page.keyboard.type("How long does it take to write this?", { delay: 60 });
    const times = await page.evaluate(() => (window as unknown as { times: number[] }).times.sort((a, b) => a - b));
    expect(times.length).toBeGreaterThan(30);
    expect(times[Math.floor(times.length * 0.9)]).toBeLessThan(50);
  });

  test("goes on at its end", async ({ page }) => {
    await page.goto(`chat/${thread}`);
    await expect(page.getByText("Message 999: how are you?")).toBeInViewport();
    await page.locator("[data-composer]").fill("And now?");
    await page.locator("[data-composer]").press("Enter");
    await expect(page.getByText("And now?")).toBeInViewport();
    await expect(answers(page).last()).toBeInViewport();
  });
});
