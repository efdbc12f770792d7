import { answers, begin, expect, reaches, runRow, startRun, test } from "./desk";

const strip = (page: import("@playwright/test").Page) => page.getByRole("group", { name: "Steer this run" });

test("pause, step by step, until a condition, abort", async ({ page, request, clean }) => {
  clean.allow(/422/);
  const run = await startRun(request, "ticker", { n: 0 });
  await page.goto(`runs/${run.id}`);
  await strip(page).getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("Somebody paused it.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Pause" })).toHaveCount(0);
  await expect(page.getByRole("region", { name: "Held" })).toContainText("tick");

  const ticks = page.locator("[data-span=node]");
  const done = await ticks.count();
  await strip(page).getByRole("button", { name: "Step" }).click();
  await expect(ticks).toHaveCount(done + 1);
  await expect(page.getByText("Somebody paused it.")).toBeVisible();
  await page.keyboard.press("s");
  await expect(ticks).toHaveCount(done + 2);

  await page.keyboard.press("b");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Hold it").selectOption({ label: "when" });
  await dialog.getByLabel("Condition").fill("n >>");
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(dialog.getByRole("alert")).toBeVisible();
  await dialog.getByLabel("Condition").fill(`n >= ${done + 4}`);
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(dialog.getByRole("listitem")).toHaveCount(1);
  await dialog.getByRole("button", { name: "Run until the next one" }).click();
  await expect(page.getByText("It is held at a breakpoint.")).toBeVisible();
  await expect(ticks).toHaveCount(done + 4);

  await strip(page).getByRole("button", { name: "Abort" }).click();
  await page.getByLabel("Reason (optional)").fill("enough");
  await page.getByRole("button", { name: "Abort run" }).click();
  await expect(page.getByText("Stopped: enough")).toBeVisible();
  await expect(strip(page)).toHaveCount(0);
  expect((await runRow(request, run.id)).status).toBe("cancelled");
});

test("until a tool, and a word said meanwhile", async ({ page, request }) => {
  const run = await startRun(request, "assistant", "Add 17 + 4", { wait: 20, breakpoints: [{ node: "think" }] });
  await page.goto(`runs/${run.id}`);
  await strip(page)
    .getByRole("button", { name: /^Run until/ })
    .click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Remove think" }).click();
  await dialog.getByLabel("Hold it").selectOption({ label: "before tool" });
  await dialog.getByLabel("Tool").fill("calculator");
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("listitem")).toHaveText([/before tool\s*calculator/]);
  await dialog.getByRole("button", { name: "Run until the next one" }).click();
  await expect(page.getByRole("region", { name: "Held" })).toContainText("act");
  await expect(page.locator("[data-span=tool]")).toHaveCount(0);

  await strip(page).getByRole("button", { name: "Say something" }).click();
  await dialog.getByRole("textbox").fill("Be quick, please");
  await dialog.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByText("The run will hear it")).toBeVisible();
  await page.keyboard.press("r");
  await expect(page.getByText("Finished")).toBeVisible();
  await expect(strip(page)).toHaveCount(0);
  await page.getByRole("link", { name: "Open thread" }).click();
  await expect(page.locator("[data-role=user]")).toHaveText([/Add 17/, /Be quick, please/]);
});

test("what is said for later becomes a run of its own", async ({ page, request }) => {
  const run = await startRun(request, "quick", "Hello", { wait: 20, breakpoints: [{ node: "think" }] });
  await page.goto(`runs/${run.id}`);
  await strip(page).getByRole("button", { name: "Say something" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox").fill("I am Ada");
  await dialog.getByRole("radio", { name: /When it is done/ }).check();
  await dialog.getByRole("button", { name: "Send", exact: true }).click();
  await expect(dialog).toHaveCount(0);
  await strip(page).getByRole("button", { name: "Resume" }).click();
  await page.getByRole("link", { name: "Open thread" }).click();
  await expect(answers(page)).toHaveCount(2);
  await expect(answers(page).last()).toContainText("Ada");
});

test("a limit says which one it was, and is raised", async ({ page, request }) => {
  const run = await startRun(request, "frugal", "Add 17 + 4", { wait: 20 });
  await page.goto(`runs/${run.id}`);
  const card = page.getByRole("region", { name: "Limit reached: model calls" });
  await expect(card).toContainText("The agent took 1 turns, which is its limit.");
  await expect(card.getByLabel("Model calls")).toHaveValue("2");
  await card.getByLabel("Model calls").fill("many");
  await card.getByRole("button", { name: "Go on with this limit" }).click();
  await expect(card.getByRole("alert")).toBeVisible();
  await card.getByLabel("Model calls").fill("5");
  await card.getByRole("button", { name: "Go on with this limit" }).click();
  await expect(page.getByText("Finished")).toBeVisible();
  expect(String((await runRow(request, run.id)).output)).toContain("21");
});

test("a limit is raised in the chat too", async ({ page }) => {
  await begin(page, "frugal", "Add 20 + 3");
  await page.getByRole("button", { name: "Go on with this limit" }).click();
  await expect(answers(page).last()).toContainText("23");
  await expect(page.getByRole("button", { name: "Send", exact: true })).toBeVisible();
});

test("only what fits is offered: in the chat, with questions, at the end", async ({ page, request }) => {
  const held = await startRun(request, "quick", "Hello", { wait: 20, breakpoints: [{ node: "think" }] });
  await page.goto(`chat/${held.thread_id}`);
  await expect(strip(page).getByRole("button", { name: "Step" })).toBeVisible();
  await strip(page).getByRole("button", { name: "Resume" }).click();
  await expect(answers(page)).toHaveCount(1);
  await page.goto(`runs/${held.id}`);
  await expect(page.getByRole("button", { name: "Replay" })).toBeVisible();
  await expect(strip(page)).toHaveCount(0);

  const asks = await startRun(request, "assistant", "Please delete files of the folder 'drafts'", { wait: 20 });
  await page.goto(`runs/${asks.id}`);
  await expect(page.getByText("Waiting for you")).toBeVisible();
  await expect(strip(page).getByRole("button")).toHaveText(["Say something", "Abort"]);
});

test("a run that somebody else pauses and resumes is shown as it stands", async ({ page, request }) => {
  const run = await startRun(request, "ticker", { n: 90 });
  await page.goto(`runs/${run.id}`);
  await request.post(`api/v1/runs/${run.id}/pause`);
  await expect(page.getByText("Somebody paused it.")).toBeVisible();
  await request.post(`api/v1/runs/${run.id}/resume`);
  await expect(page.getByText("Finished")).toBeVisible();
  expect((await reaches(request, run.id, "finished")).output).toEqual({ n: 100 });
});
