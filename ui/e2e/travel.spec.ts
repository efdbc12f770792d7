import type { Page } from "@playwright/test";
import { expect, reaches, runRow, startRun, test } from "./desk";

const step = (page: Page, at: number) => page.locator(`[data-step="${at}"]`);

test("every step, its state, and what it changed; by keys", async ({ page, request }) => {
  const run = await startRun(request, "order", { items: ["cup"] }, { wait: 20 });
  await page.goto(`runs/${run.id}`);
  await page.getByRole("tab", { name: "Time travel" }).click();
  await expect(page).toHaveURL(/tab=history/);
  await expect(page.locator("[data-step]")).toHaveText([/ship/, /pack/, /quote/, /collect/, /Input/]);
  await expect(page.locator("[data-state-tree]")).toContainText("shipped for 120");
  await step(page, 5).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("heading", { name: "Step 3" })).toBeVisible();
  await expect(page.getByText("Next:")).toContainText("pack");
  await expect(page.locator("[data-state-tree]")).not.toContainText("packed");
  await page.getByRole("button", { name: /^Changes/ }).click();
  await expect(page.locator("[data-change]")).toHaveCount(1);
  await expect(page.locator('[data-change="price"]')).toContainText("120");
  await page.reload();
  await expect(page.locator("[data-step]")).toHaveCount(5);
});

test("edit a step and go on in a new thread", async ({ page, request }) => {
  const run = await startRun(request, "order", { items: ["cup"] }, { wait: 20 });
  await page.goto(`runs/${run.id}?tab=history`);
  await step(page, 3).click();
  await page.getByRole("button", { name: "Go on from here" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "price" }).click();
  const price = dialog.getByLabel("price", { exact: true });
  await expect(price).toHaveValue("120");
  await price.fill("{");
  await dialog.getByRole("button", { name: "Fork" }).click();
  await expect(dialog.getByRole("alert")).toHaveText("This is not valid JSON.");
  await price.fill("90");
  await dialog.getByRole("button", { name: "Fork" }).click();
  await page.waitForURL((url) => url.pathname.includes("/runs/") && !url.pathname.includes(run.id));
  await expect(page.getByText("Finished")).toBeVisible();
  const forked = await runRow(request, page.url().split("/").pop()!);
  expect(forked.thread_id).not.toBe(run.thread_id);
  expect(forked.output).toMatchObject({ price: 90, status: "shipped for 90" });
});

test("a thread goes back; what was left is told apart", async ({ page, request }) => {
  const run = await startRun(request, "order", { items: ["cup"] }, { wait: 20 });
  await page.goto(`threads/${run.thread_id}/history`);
  await step(page, 2).click();
  await page.getByRole("button", { name: "Go on from here" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: /In this thread/ }).check();
  await dialog.getByRole("button", { name: "items" }).click();
  await dialog.getByLabel("items", { exact: true }).fill('["pot"]');
  await dialog.getByRole("button", { name: "Go back to here" }).click();
  await page.waitForURL(/\/runs\/run_/);
  const next = await reaches(request, page.url().split("/").pop()!, "finished");
  expect(next.output).toMatchObject({ items: ["cup", "tea", "pot"], price: 180 });
  await page.goto(`threads/${run.thread_id}/history`);
  await expect(step(page, 6)).toContainText("continues step 2");
  await expect(step(page, 5)).toContainText("left by a later fork");
  await expect(step(page, 2)).not.toContainText("left");
});

test("a run that is held is changed where it stands, and a node runs again", async ({ page, request }) => {
  const run = await startRun(request, "order", { items: [] }, { wait: 20, breakpoints: [{ node: "pack" }] });
  await page.goto(`runs/${run.id}?tab=history`);
  await page.getByRole("button", { name: "Run quote again" }).click();
  await expect(page.locator('[data-step]:has-text("quote")')).toHaveCount(2);
  await expect(page.getByRole("region", { name: "Held" })).toBeVisible();

  await page.getByRole("button", { name: "Go on from here" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "price" }).click();
  await dialog.getByLabel("price", { exact: true }).fill("7");
  await dialog.getByRole("button", { name: "Change the state" }).click();
  await expect(page.getByText("The state is changed")).toBeVisible();
  await expect(page.locator("[data-state-tree]")).toContainText("7");
  await page.getByRole("button", { name: "Resume" }).click();
  expect((await reaches(request, run.id, "finished")).output).toMatchObject({ status: "shipped for 7" });
});

test("a replay costs nothing, and is compared", async ({ page, request }) => {
  const run = await startRun(request, "assistant", "Add 17 + 4", { wait: 20 });
  expect((await runRow(request, run.id)).usage?.requests).toBe(2);
  await page.goto(`runs/${run.id}`);
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
  await expect(page).toHaveURL(new RegExp(`of=${run.id}`));
  await expect(page.getByText("Step by step the same as")).toBeVisible();
  await expect(page.getByText("Finished")).toBeVisible();
  const again = await runRow(request, new URL(page.url()).pathname.split("/").pop()!);
  expect([again.usage?.input_tokens ?? 0, again.usage?.requests ?? 0, again.output]).toEqual([
    0,
    0,
    (await runRow(request, run.id)).output,
  ]);
});

test("past what must not happen twice there is a warning", async ({ page, request }) => {
  const run = await startRun(request, "assistant", "Please delete files of the folder 'drafts'", { wait: 20 });
  const { questions } = (await (await request.get(`api/v1/runs/${run.id}`)).json()) as { questions: { id: string }[] };
  await request.post(`api/v1/runs/${run.id}/answers`, { data: { answers: { [questions[0]!.id]: true } } });
  await reaches(request, run.id, "finished");
  await page.goto(`runs/${run.id}?tab=history`);
  await expect(step(page, 2)).toContainText("delete_files, once only");
  await step(page, 2).click();
  await page.getByRole("button", { name: "Go on from here" }).click();
  await expect(page.getByRole("note")).toContainText("it has done delete_files");
  await page.getByRole("dialog").getByLabel("Go on at once").uncheck();
  await expect(page.getByRole("note")).toHaveCount(0);
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByRole("radio", { name: /Then live/ }).check();
  await page.getByLabel("Step", { exact: true }).selectOption("2");
  await expect(page.getByRole("note")).toContainText("delete_files");
  await page.getByLabel("Step", { exact: true }).selectOption("3");
  await expect(page.getByRole("note")).toHaveCount(0);
});
