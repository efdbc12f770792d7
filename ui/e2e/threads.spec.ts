import { expect, startRun, test } from "./desk";

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
