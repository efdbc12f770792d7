import { expect, runRow, startRun, test } from "./desk";

test("the list, by status", async ({ page, request }) => {
  const good = await startRun(request, "quick", "Hello", { wait: 10 });
  const bad = await startRun(request, "broken", "Hello", { wait: 10 });
  await page.goto("runs");
  await expect(page.locator(`[data-run=${good.id}]`)).toContainText("Finished");
  await expect(page.locator(`[data-run=${bad.id}]`)).toContainText("overloaded");
  await page.getByRole("button", { name: "Failed" }).click();
  await expect(page).toHaveURL(/status=failed/);
  await expect(page.locator(`[data-run=${good.id}]`)).toHaveCount(0);
  await page.locator(`[data-run=${bad.id}]`).getByRole("link").click();
  await expect(page.getByRole("alert")).toContainText("the provider is overloaded");
});

test("one run, live: bars grow, then stand", async ({ page, request }) => {
  await page.goto("runs"); // the browser has the page's files: the tool takes a second and a half
  const run = await startRun(request, "assistant", "Please make a slow report about 'Rome'");
  await page.goto(`runs/${run.id}`);
  await expect(page.locator("[data-span=tool][data-live]")).toBeVisible();
  await expect(page.getByText("Finished")).toBeVisible();
  await expect(page.locator("[data-live]")).toHaveCount(0);
  await expect(page.locator("[data-span=model]")).toHaveCount(2);
  await expect(page.locator("[data-span=tool]")).toHaveCount(1);
  await page.locator("[data-span=tool]").getByRole("button").first().click();
  await expect(page.getByText("Report on Rome: all is well.")).toBeVisible();
  await page.reload();
  await expect(page.locator("[data-span=model]")).toHaveCount(2);
});

test("tokens and cost", async ({ page, request }) => {
  const run = await startRun(request, "quick", "Hello", { wait: 10 });
  await page.goto(`runs/${run.id}`);
  await expect(page.locator("dl").first()).toContainText("1 model call");
  await expect(page.locator("dl").first()).toContainText("$0");
});

test("a price that is not known is not called nothing", async ({ page, request }) => {
  const run = await startRun(request, "quick", "Hello", { wait: 10 });
  await page.route(`**/api/v1/runs/${run.id}/events`, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replaceAll(/"cost":0(\.0)?/g, '"cost":null');
    await route.fulfill({ response: answer, body });
  });
  await page.goto(`runs/${run.id}`);
  await expect(page.locator("dl").first()).toContainText("unknown");
});

test("events, as they are stored", async ({ page, request }) => {
  const run = await startRun(request, "assistant", "Add 17 + 4", { wait: 20 });
  await page.goto(`runs/${run.id}`);
  await page.getByRole("tab", { name: /Events/ }).click();
  await expect(page.locator('[data-event="run.started"]')).toBeVisible();
  await page.getByRole("searchbox", { name: "Filter events" }).fill("tool.finished");
  await expect(page.locator("[data-event]")).toHaveCount(1);
  await page.locator("[data-event]").getByRole("button").first().click();
  await expect(page.getByLabel("tool.finished", { exact: true })).toContainText('"call_id"');
  await page.getByRole("tab", { name: "Data" }).click();
  await expect(page.getByLabel("Output", { exact: true })).toContainText("21");
});

test("abort, with the reason", async ({ page, request }) => {
  const run = await startRun(request, "writer", "Why?");
  await page.goto(`runs/${run.id}`);
  await page.getByRole("button", { name: "Abort" }).click();
  await page.getByRole("dialog").getByLabel("Reason (optional)").fill("long enough");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Cancelled")).toBeVisible();
  await expect(page.getByText("Stopped: long enough")).toBeVisible();
  await expect(page.getByRole("button", { name: "Abort" })).toHaveCount(0);
  expect((await runRow(request, run.id)).status).toBe("cancelled");
});

test("questions are answered here too", async ({ page, request }) => {
  const run = await startRun(request, "assistant", "Please delete files of the folder 'drafts'", { wait: 20 });
  await page.goto(`runs/${run.id}`);
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("Finished")).toBeVisible();
  await page.getByRole("link", { name: "Open thread" }).click();
  await expect(page.getByText("deleted everything").first()).toBeVisible();
});
