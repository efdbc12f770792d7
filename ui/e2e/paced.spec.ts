import { answers, expect, test } from "./desk";

test.describe("a thread of 2,000 messages", () => {
  /** As `seed.py` has made it. */
  const thread = "two-thousand";

  test("is visible within 1.5 s, with few rows in the page", async ({ page }) => {
    await page.goto("threads");
    await page.getByRole("table").waitFor();
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
