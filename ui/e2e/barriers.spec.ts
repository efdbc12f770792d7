/** No barrier for anybody, on any page: everything in light, and in dark what a theme can change. On a screen and a phone. */
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, startRun, test } from "./desk";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const DELETE = "Please delete files of the folder 'drafts'";

/** Nothing moves any more: a colour that is inherited begins to change when the one above it has. */
async function still(): Promise<void> {
  const ending = () => document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
  for (let moving = ending(); moving.length > 0; moving = ending())
    await Promise.allSettled(moving.map(({ finished }) => finished));
}

async function check(page: Page, where: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset.scheme)).toBe(colorScheme);
    await page.evaluate(still);
    const there = await page.evaluate(() => "axe" in window); // its source is long: once for each page is enough
    const axe = new AxeBuilder(there ? { page, axeSource: "0" } : { page })
      .setLegacyMode() // the pages have no frames
      .options({ resultTypes: ["violations"] });
    const { violations } = await (
      colorScheme === "light" ? axe.withTags(RULES) : axe.withRules(["color-contrast"])
    ).analyze();
    const told = violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join("; ")}`,
    );
    expect(told, `${where}, ${colorScheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
}

for (const size of [
  { width: 1366, height: 860 },
  { width: 390, height: 844 },
]) {
  test.describe(`no barrier, ${size.width} wide`, () => {
    test.use({ viewport: size, colorScheme: "light" });
    test.beforeEach(async ({ page }) => page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" }));
    test.setTimeout(90_000);

    test("tools, policy and audit", async ({ page, request }) => {
      await request.put("api/v1/policy", {
        data: {
          version: 0,
          policy: {
            rules: [
              {
                decision: "deny",
                tools: "calculator",
                arguments: { expression: "13 +*" },
                reason: "bad luck",
                name: "thirteen",
              },
            ],
            defaults: false,
          },
        },
      }); // where another journey was first, it stays as that put it
      await expect(async () => {
        const run = await startRun(request, "assistant", "What is 2 + 2?", { wait: 20 });
        const { items } = (await (await request.get(`api/v1/audit?run_id=${run.id}`)).json()) as { items: unknown[] };
        expect(items).not.toHaveLength(0);
      }).toPass({ timeout: 20_000 });
      await page.goto("tools");
      await page.locator("li[data-tool=calculator]").getByRole("button").click();
      await page.getByRole("button", { name: "Try it" }).waitFor();
      await check(page, "tools");
      await page.goto("secrets");
      await page.getByRole("form", { name: "Set a secret" }).waitFor();
      await check(page, "secrets");
      await page.goto("policy");
      await page.getByLabel("Tool", { exact: true }).fill("calculator");
      await page.getByRole("button", { name: "Ask the policy" }).click();
      await page.getByText("No rule fits").waitFor();
      await check(page, "policy");
      await page.getByRole("button", { name: "Edit" }).click();
      await check(page, "policy, edited");
      await page.goto("audit");
      await page.locator("li[data-use]").first().getByRole("button").click();
      await page.getByRole("button", { name: "Verify" }).click();
      await page.getByText("as written").waitFor();
      await check(page, "audit");
    });

    test("memory", async ({ page, request }) => {
      const of = { subject: "Ida", attribute: "home" };
      await request.post("api/v1/memories?user=ida", { data: { text: "Ida lives in Rome", valid_from: 1e9, ...of } });
      await request.post("api/v1/memories?user=ida", { data: { text: "Ida lives in Bern", pinned: true, ...of } });
      await request.patch("api/v1/profile?user=ida", { data: { agent: "host", changes: { diet: "vegan" } } });
      const run = await startRun(request, "host", "Good evening", { wait: 20 });
      await request.post(`api/v1/runs/${run.id}/feedback`, { data: { kind: "correction", value: "Greet by name" } });
      await request.post("api/v1/chores", { data: { kind: "propose", agent: "host" } });
      await page.goto("memory?user=ida");
      await page.locator("li[data-memory]").first().waitFor();
      await check(page, "memories");
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByText("When, and how much it counts").click();
      await check(page, "remember");
      await page.keyboard.press("Escape");
      await page.goto("memory?user=ida&q=home");
      await page.locator("li[data-memory]").first().getByRole("button").click();
      await page.getByRole("button", { name: "Erase…" }).waitFor();
      await check(page, "a memory found");
      await page.goto("memory?user=ida&tab=profile");
      await page.getByText("History of diet").click();
      await check(page, "profile");
      await page.goto("memory?tab=proposals");
      await page.locator("li[data-proposal]").first().waitFor();
      await check(page, "proposals");
      await page.goto("memory?tab=work");
      await page.locator("li[data-chore]").first().waitFor();
      await check(page, "work");
    });

    test("knowledge and feedback", async ({ page, request }) => {
      const text = "# Kettles\n\nA warranty of two years.\n\n# Shop\n\nIt opens at nine.";
      await request.post("api/v1/knowledge/handbook/documents", { data: { name: "shop.md", text } });
      await page.goto("knowledge");
      await page.locator("li[data-collection]").first().waitFor();
      await check(page, "collections");
      await page.goto("knowledge/handbook");
      await page.locator("li[data-document='shop.md'][data-status=ready]").waitFor();
      await page.getByRole("searchbox").fill("warranty");
      await page.locator("[data-passage]").first().waitFor();
      await check(page, "collection");
      await page.locator("[data-passage] button").first().click();
      await page.locator("[data-source] mark").waitFor();
      await check(page, "source");
      const run = await startRun(request, "librarian", "How long is the warranty?", { wait: 20 });
      const said = { kind: "correction", value: "Two years, and be kind", message: 4 };
      for (const one of [said, { kind: "label", value: "terse", message: 4 }, { kind: "thumb", value: "down" }])
        await request.post(`api/v1/runs/${run.id}/feedback`, { data: one });
      await page.goto(`chat/${run.thread_id}`);
      await page.locator("[data-correction]").waitFor();
      await page.locator("[data-told] button").first().click();
      await check(page, "feedback in a chat");
      await page.getByRole("button", { name: "What it should have been" }).last().click();
      await page.getByRole("dialog").waitFor();
      await check(page, "correction");
      await page.goto(`runs/${run.id}`);
      await page.getByRole("region", { name: "Feedback" }).waitFor();
      await check(page, "feedback of a run");
      await page.goto(`chat/${run.thread_id}`);
      await page.locator("[data-correction]").waitFor();
      await page.keyboard.press("ControlOrMeta+f");
      await page.getByRole("searchbox", { name: "Find in thread" }).fill("warranties");
      await page.getByText(/messages? fits?/).waitFor();
      await check(page, "best matches");
    });

    test("lists and dialogs", async ({ page, request }) => {
      await startRun(request, "assistant", DELETE, { wait: 20 });
      await page.goto("");
      await page.getByRole("region", { name: "Agents" }).waitFor();
      await check(page, "home");
      await page.goto("chat");
      await page.locator("[data-composer]").waitFor();
      await check(page, "new chat");
      await page.goto("runs");
      await page.getByRole("table").waitFor();
      await check(page, "runs");
      await page.keyboard.press("ControlOrMeta+k");
      await page.getByRole("dialog").waitFor();
      await check(page, "palette");
      await page.goto("threads");
      await page.getByRole("table").waitFor();
      await check(page, "threads");
      await page
        .getByRole("button", { name: /^Actions of/ })
        .first()
        .click();
      await check(page, "menu");
      await page.getByRole("menuitem", { name: "Rename" }).click();
      await check(page, "rename");
    });

    test("conversations", async ({ page, request }) => {
      const threads = {
        essay: await startRun(request, "scribe", "Why?", { wait: 30 }),
        question: await startRun(request, "assistant", DELETE, { wait: 20 }),
        failure: await startRun(request, "broken", "Hello", { wait: 10 }),
        limit: await startRun(request, "frugal", "Add 17 + 4", { wait: 10 }),
        "failed tool": await startRun(request, "assistant", "What is the stock price of 'ACME'?", { wait: 10 }),
      };
      for (const [where, run] of Object.entries(threads)) {
        await page.goto(`chat/${run.thread_id}`);
        await page.locator("[data-role]").first().waitFor();
        const closed = page.locator(
          '[data-tool] button[aria-expanded="false"], [data-reasoning] button[aria-expanded="false"]',
        );
        while ((await closed.count()) > 0) await closed.first().click();
        await check(page, where);
      }
      await page.getByRole("button", { name: "What the model sees" }).click();
      await page.getByText(/^\d+ tokens$/).waitFor();
      await check(page, "context");
    });

    test("runs", async ({ page, request }) => {
      const stock = await startRun(request, "assistant", "What is the stock price of 'ACME'?", { wait: 10 });
      const fails = await startRun(request, "broken", "Hello", { wait: 10 });
      const held = await startRun(request, "order", { items: ["cup"] }, { wait: 10, breakpoints: [{ node: "pack" }] });
      await page.goto(`runs/${stock.id}`);
      await page.locator("[data-span]").first().waitFor();
      await page.locator("[data-span] > button").last().click();
      await check(page, "run");
      await page.getByRole("tab", { name: /Events/ }).click();
      await page.locator("[data-event] button").nth(1).click();
      await check(page, "events");
      await page.getByRole("tab", { name: "Data" }).click();
      await check(page, "data");
      await page.goto(`runs/${fails.id}`);
      await page.getByRole("alert").waitFor();
      await check(page, "failed run");
      await page.goto(`runs/${held.id}`);
      await page.getByRole("region", { name: "Held" }).waitFor();
      await check(page, "held run");
      for (const [button, where] of [
        [/^Run until/, "breakpoints"],
        ["Say something", "inject"],
        ["Abort", "abort"],
      ] as const) {
        await page.getByRole("button", { name: button }).click();
        await page.getByRole("dialog").waitFor();
        await check(page, where);
        await page.keyboard.press("Escape");
        await expect(page.getByRole("dialog")).toHaveCount(0);
      }
    });

    test("the inbox and the past", async ({ page, request }) => {
      await startRun(request, "trip", { hotel: "Roma" }, { wait: 20 });
      await startRun(request, "courier", "Send a parcel to the address 'Via Roma 1'", { wait: 20 });
      const asks = await startRun(request, "assistant", DELETE, { wait: 20 });
      const done = await startRun(request, "order", { items: ["cup"] }, { wait: 10 });
      await page.goto("inbox");
      const card = page.locator(`li[data-run=${asks.id}]`);
      await card.getByRole("checkbox").check();
      await card.getByRole("button", { name: "Edit" }).click();
      await check(page, "inbox");
      await page.goto(`threads/${done.thread_id}/history`);
      await page.locator("[data-state-tree]").waitFor();
      await check(page, "thread's past");
      await page.getByRole("button", { name: /^Changes/ }).click();
      await check(page, "changes");
      await page.locator("[data-step]").last().click();
      await page.getByRole("button", { name: /^Go on from here/ }).click();
      await page.getByRole("dialog").getByRole("button", { name: "items" }).click();
      await check(page, "go on");
      await page.goto(`runs/${done.id}?tab=history`);
      await page.locator("[data-state-tree]").waitFor();
      await check(page, "run's past");
      await page.getByRole("button", { name: "Replay" }).click();
      await page.getByRole("radio", { name: /Then live/ }).check();
      await check(page, "replay");
    });
  });
}
