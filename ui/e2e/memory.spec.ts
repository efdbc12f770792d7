import type { APIRequestContext, Page } from "@playwright/test";
import { expect, startRun, test } from "./desk";

interface Kept {
  id: string;
  text: string;
}

async function remember(request: APIRequestContext, user: string, body: object): Promise<Kept> {
  const answer = await request.post(`api/v1/memories?user=${user}`, { data: body });
  expect(answer.ok(), await answer.text()).toBe(true);
  return (await answer.json()) as Kept;
}

const DAY = 86_400;
const rows = (page: Page) => page.locator("li[data-memory]");
const story = (page: Page) => page.locator("[data-story]");

test("a memory is written, found, changed, pinned, forgotten and erased", async ({ page }) => {
  await page.goto("runs");
  await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Memory");
  await page.getByLabel("User", { exact: true }).fill("mia");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Nothing is remembered yet")).toBeVisible();

  await page.getByRole("button", { name: "Add" }).click();
  const form = page.getByRole("dialog");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByRole("alert")).toHaveText("Say what is to be remembered.");
  await form.getByLabel("What to remember").fill("Mia drinks oolong");
  await form.getByLabel("Attribute").fill("tea");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByRole("alert")).toContainText("name its subject");
  await form.getByLabel("Subject").fill("Mia");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(story(page)).toContainText("Mia · tea");
  await expect(story(page)).toContainText("a person’s word");
  await expect(story(page)).toContainText("Written by hand.");

  await story(page).getByRole("button", { name: "Edit" }).click();
  await form.getByLabel("What to remember").fill("Mia drinks jasmine");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(story(page).getByRole("heading", { level: 2 })).toHaveText("Mia drinks jasmine");
  await expect(story(page).getByRole("region", { name: "History" })).toContainText("Version 2");
  await expect(story(page).locator("del")).toHaveText("Mia drinks oolong");
  await story(page).getByRole("button", { name: "Pin", exact: true }).click();
  await expect(rows(page)).toContainText("pinned");
  await story(page).getByRole("button", { name: "Unpin" }).click();
  await expect(rows(page)).not.toContainText("pinned");

  await story(page).getByRole("button", { name: "Forget" }).click();
  await expect(rows(page)).toHaveCount(0);
  await page.getByRole("checkbox", { name: /forgotten/ }).check();
  await expect(rows(page)).toContainText("forgotten");
  await story(page).getByRole("button", { name: "Remember again" }).click();
  await expect(rows(page)).not.toContainText("forgotten");

  await story(page).getByRole("button", { name: "Erase…" }).click();
  const sure = page.getByRole("alertdialog");
  await expect(sure).toContainText("“Mia drinks jasmine” goes for good: 6 versions");
  await sure.getByRole("button", { name: "Erase" }).click();
  await expect(page.getByText("Nothing is remembered yet")).toBeVisible();
});

test("what held, and what was known, on a day; best first with scores", async ({ page, request }) => {
  const now = Date.now() / 1000;
  const home = { subject: "Noa", attribute: "home" };
  await remember(request, "noa", { text: "Noa lives in Rome", valid_from: now - 400 * DAY, ...home });
  await remember(request, "noa", { text: "Noa lives in Bern", valid_from: now - 100 * DAY, ...home });
  await remember(request, "noa", { text: "Noa likes trains" });
  await page.goto("memory?user=noa");
  await expect(rows(page)).toHaveCount(2);
  await page.keyboard.press("/");
  await page.keyboard.type("where does Noa live");
  await expect(rows(page).first()).toContainText("Noa lives in Bern");
  await expect(rows(page).first()).toContainText("1.00");
  await expect(page).toHaveURL(/q=where/);
  await page.getByLabel("As it held on").fill(new Date((now - 200 * DAY) * 1000).toISOString().slice(0, 10));
  await expect(rows(page).first()).toContainText("Noa lives in Rome");
  await expect(page.getByText("Noa lives in Bern")).toHaveCount(0);
  await page.getByRole("button", { name: "Today" }).click();
  await page.getByLabel("As known on").fill(new Date((now - 200 * DAY) * 1000).toISOString().slice(0, 10));
  await expect(page.getByText("Nothing fits")).toBeVisible();
  await page.getByLabel("Search memories").fill("");
  await page.getByLabel("Kind").selectOption("Episodes");
  await expect(page.getByText("No memory is like that")).toBeVisible();
  await page.getByLabel("Kind").selectOption("Facts");
  await page.getByLabel("Shelf").selectOption("The user’s");
  await expect(rows(page)).toHaveCount(2);
});

test("what an agent learnt leads back to the message that said it", async ({ page, request }) => {
  const run = await startRun(request, "host", "I live in Vevey by the lake", { wait: 20 });
  await page.goto("memory?q=guest%20lives");
  const row = rows(page).filter({ hasText: "The guest lives in Vevey" });
  await expect(async () => {
    await page.reload();
    await expect(row).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 20_000 });
  await expect(row).toContainText("an agent’s word");
  await row.getByRole("button").click();
  await story(page).getByRole("link", { name: "message 1" }).click();
  await expect(page).toHaveURL(new RegExp(`/chat/${run.thread_id}\\?at=1`));
  await expect(page.locator("[data-seq='1']")).toBeInViewport();
  await page.goto("memory?tab=work");
  await expect(page.locator("li[data-chore=learn][data-status=done]").first()).toBeVisible();
});

test("a profile in the schema of an agent, with its past", async ({ page }) => {
  await page.goto("memory?tab=profile&user=pia");
  await expect(page.getByText("Nothing is known of this user")).toBeVisible();
  const form = page.getByRole("region", { name: "Change" });
  await form.getByLabel(/^Diet/).selectOption("vegetarian");
  await form.getByRole("button", { name: "Save" }).click();
  const diet = page.locator("li[data-field=diet]");
  await expect(diet).toContainText("vegetarian");
  await form.getByLabel(/^Diet/).selectOption("vegan");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(diet).toContainText("vegan");
  await diet.getByText("History of diet").click();
  await expect(diet.getByRole("listitem")).toHaveText([/^vegan/, /^vegetarian/]);
});

test("feedback becomes a proposal, with its reason; a person approves it", async ({ page, request }) => {
  const run = await startRun(request, "host", "A table for two?", { wait: 20 });
  const words = `Offer the terrace first ${run.id.slice(-5)}`;
  await request.post(`api/v1/runs/${run.id}/feedback`, { data: { kind: "correction", value: words } });
  await page.goto("memory?tab=proposals");
  await page.getByLabel("Let an agent propose").selectOption("host");
  await page.getByRole("button", { name: "Propose" }).click();
  const proposal = page.locator("li[data-proposal]").filter({ hasText: words }).first();
  await expect(proposal).toContainText("Should have been");
  await expect(proposal).toContainText(`“${words}”`);
  await proposal.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("host keeps to it from its next turn on")).toBeVisible();
  await expect(proposal).toHaveCount(0);
  await page.goto("memory?kind=procedural");
  await expect(rows(page).filter({ hasText: words })).toContainText("everybody with host");
});

test("everything of a user goes, once a person has read what that is", async ({ page, request }) => {
  await remember(request, "ulf", { text: "Ulf sings" });
  await remember(request, "ulf", { text: "Ulf whistles" });
  await page.goto("memory?user=ulf");
  await expect(rows(page)).toHaveCount(2);
  await page.getByRole("button", { name: "Actions" }).click();
  await page.getByRole("menuitem", { name: "Erase all…" }).click();
  const sure = page.getByRole("alertdialog");
  await expect(sure).toContainText("everything that is remembered of ulf");
  await expect(sure).toContainText("2 memories go");
  await sure.getByRole("button", { name: "Erase" }).click();
  await expect(page.getByText("2 memories are erased")).toBeVisible();
  await expect(page.getByText("Nothing is remembered yet")).toBeVisible();
});
