import { answers, begin, expect, say, startRun, test } from "./desk";

test("a thumb, a correction and a label; and taken back", async ({ page, request }) => {
  const run = await startRun(request, "quick", "Hello", { wait: 10 });
  await page.goto(`chat/${run.thread_id}`);
  const answer = answers(page).last();
  const good = answer.getByRole("button", { name: "Good", exact: true });
  await good.click();
  await expect(good).toHaveAttribute("aria-pressed", "true");
  await answer.getByRole("button", { name: "Not good" }).click();
  await expect(good).toHaveAttribute("aria-pressed", "false");
  await expect(answer.getByRole("button", { name: "Not good" })).toHaveAttribute("aria-pressed", "true");

  await answer.getByRole("button", { name: "What it should have been" }).click();
  await page.getByRole("dialog").getByLabel("It should have been").fill("Good morning");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(answer.locator("[data-correction]")).toContainText("Good morning");
  await answer.getByRole("button", { name: "Label it" }).click();
  await page.getByRole("dialog").getByRole("combobox", { name: "Label" }).fill("greeting");
  await page.keyboard.press("Enter");
  await expect(answer.locator("[data-label=greeting]")).toBeVisible();

  const { items } = (await (await request.get(`api/v1/feedback?run=${run.id}`)).json()) as {
    items: { kind: string; value: string; message: number }[];
  };
  expect(items.map(({ kind, value, message }) => [kind, value, message])).toEqual([
    ["thumb", "down", 2],
    ["correction", "Good morning", 2],
    ["label", "greeting", 2],
  ]);
  await answer.getByRole("button", { name: "Take back “greeting”" }).click();
  await expect(answer.locator("[data-label]")).toHaveCount(0);

  await page.goto(`runs/${run.id}`);
  const feedback = page.getByRole("region", { name: "Feedback" });
  await expect(feedback).toContainText("Good morning");
  await feedback.getByRole("button", { name: "Good", exact: true }).click();
  await expect(feedback.getByRole("button", { name: "Good", exact: true })).toHaveAttribute("aria-pressed", "true");
  await feedback.getByRole("link", { name: "message 2" }).first().click();
  await expect(page).toHaveURL(/at=2/);
  await expect(answers(page).last().getByRole("button", { name: "Not good" })).toHaveAttribute("aria-pressed", "true");
});

test("a message is kept in view of the agent, and let go", async ({ page, request }) => {
  const run = await startRun(request, "quick", "The gate code is 4711", { wait: 10 });
  await page.goto(`chat/${run.thread_id}`);
  const mine = page.locator("[data-seq='1']");
  await mine.hover();
  await mine.getByRole("button", { name: "Keep in view of the agent" }).click();
  await expect(page.getByText("The agent sees it from now on")).toBeVisible();
  await page.reload();
  await expect(mine.getByRole("button", { name: "Do not keep in view" })).toBeVisible();
  await page.goto("memory?of=thread");
  await expect(page.locator("li[data-memory]").filter({ hasText: "4711" })).toContainText("pinned");
  await page.goto(`chat/${run.thread_id}`);
  await mine.getByRole("button", { name: "Do not keep in view" }).click();
  await expect(mine.getByRole("button", { name: "Keep in view of the agent" })).toBeVisible();
});

test("what came to mind before an answer is a line that opens, while it is written and later", async ({
  page,
  request,
}) => {
  await request.post("api/v1/memories", { data: { text: "Zoe is allergic to nuts" } });
  await begin(page, "host", "Is a nut cake fine for my allergies?");
  const told = answers(page).last().locator("[data-told=recalled]");
  await expect(answers(page).last()).toContainText("without");
  await expect(told).toContainText(/memor(y|ies) came to mind/);
  await page.reload();
  await told.getByRole("button").click();
  await expect(told).toContainText("Zoe is allergic to nuts");
  await told.getByRole("link", { name: "Zoe is allergic to nuts" }).click();
  await expect(page.locator("[data-story]")).toContainText("Zoe is allergic to nuts");
});

test("a thread is searched for what fits, though it has other words", async ({ page }) => {
  await begin(page, "quick", "The dogs were barking all night long");
  await expect(answers(page)).toHaveCount(1);
  await say(page, "Something else entirely");
  await expect(answers(page)).toHaveCount(2);
  await page.keyboard.press("ControlOrMeta+f");
  await page.getByRole("searchbox", { name: "Find in thread" }).fill("a dog that barks");
  const best = page.getByRole("list", { name: "Best matches in the whole thread" });
  await expect(best.getByRole("listitem").first()).toContainText("dogs were barking");
  await best.getByRole("button").first().click();
  await expect(page.locator("[data-seq='1']")).toBeInViewport();
});
