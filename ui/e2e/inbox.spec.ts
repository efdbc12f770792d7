import type { Page } from "@playwright/test";
import { expect, reaches, startRun, test, tool } from "./desk";

const DELETE = "Please delete files of the folder 'drafts'";
/** What a run asks, in the inbox. Other journeys ask there at the same time. */
const asked = (page: Page, run: { id: string }) => page.locator(`li[data-run=${run.id}]`);

test("a form from a schema, and yes or no; each takes its run as far as it can go", async ({ page, request }) => {
  const run = await startRun(request, "trip", { hotel: "Roma" }, { wait: 20 });
  await page.goto("inbox");
  await expect(asked(page, run)).toHaveCount(2);
  const stay = asked(page, run).filter({ hasText: "How long will you stay at Roma?" });
  await stay.getByRole("button", { name: "Send answer" }).click();
  await expect(stay.getByText("Please fill this in.")).toHaveCount(2);
  await expect(stay.getByLabel("Nights")).toBeFocused();
  await stay.getByLabel("Nights").fill("99");
  await stay.getByLabel("Room").selectOption("double");
  await stay.getByRole("button", { name: "Send answer" }).click();
  await expect(stay.getByText("This is out of range.")).toBeVisible();
  await stay.getByLabel("Nights").fill("2");
  await page.keyboard.press("Enter");
  await expect(asked(page, run)).toHaveCount(1);

  await expect(asked(page, run)).toContainText(/5\d min \d+ s left/);
  await asked(page, run).getByRole("button", { name: "No" }).click();
  await expect(asked(page, run)).toHaveCount(0);
  expect((await reaches(request, run.id, "finished")).output).toEqual({
    hotel: "Roma",
    stay: { nights: 2, room: "double", wishes: null },
    insured: false,
  });
});

test("what is asked appears by itself, and counts in the navigation", async ({ page, request }) => {
  await page.goto("inbox");
  await page.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();
  const run = await startRun(request, "assistant", DELETE, { wait: 20 });
  await expect(asked(page, run)).toBeVisible();
  const link = page.getByRole("navigation").getByRole("link", { name: /^Inbox \d+\+? open$/ });
  await expect(link.locator("[data-inbox-count]")).toHaveText(/^\d+\+?$/);
  await expect(page).toHaveTitle(/^\(\d+\+?\) Weft$/);
  await page.goto("runs");
  await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await expect(page).toHaveURL(/\/inbox$/);
  // Answered elsewhere, it leaves by itself.
  const { questions } = (await (await request.get(`api/v1/runs/${run.id}`)).json()) as { questions: { id: string }[] };
  await request.post(`api/v1/runs/${run.id}/answers`, { data: { answers: { [questions[0]!.id]: true } } });
  await expect(asked(page, run)).toHaveCount(0);
});

test("several at once, from several runs", async ({ page, request }) => {
  const runs = [await startRun(request, "assistant", DELETE, { wait: 20 })];
  runs.push(await startRun(request, "assistant", DELETE, { wait: 20 }));
  await page.goto("inbox");
  for (const run of runs) await asked(page, run).getByRole("checkbox").check();
  const bar = page.getByRole("group", { name: "2 selected" });
  await bar.getByLabel("Reason (optional)").fill("not today");
  await bar.getByRole("button", { name: "Reject all" }).click();
  for (const run of runs) {
    await expect(asked(page, run)).toHaveCount(0);
    expect(String((await reaches(request, run.id, "finished")).output)).toContain("not today");
  }
  await expect(page.getByRole("group", { name: /selected/ })).toHaveCount(0);
});

test("an answer in the place of the tool; and from there to the thread", async ({ page, request }) => {
  const run = await startRun(request, "assistant", DELETE, { wait: 20 });
  await page.goto("inbox");
  const card = asked(page, run);
  await card.getByRole("button", { name: "Answer instead" }).click();
  await card.getByRole("textbox").fill("They are gone already.");
  await expect(card.getByRole("link", { name: "See run" })).toHaveAttribute("href", new RegExp(run.id));
  await card.getByRole("button", { name: "Send answer" }).click();
  await expect(card).toHaveCount(0);
  await reaches(request, run.id, "finished");
  await page.goto(`chat/${run.thread_id}`);
  await tool(page, "delete_files").getByRole("button").first().click();
  await expect(tool(page, "delete_files")).toContainText("They are gone already.");
});

test("of what must not happen twice, a person says whether it did", async ({ page, request }) => {
  const run = await startRun(request, "courier", "Send a parcel to the address 'Via Roma 1'", { wait: 20 });
  await page.goto("inbox");
  const card = asked(page, run);
  await expect(card).toContainText("Did this happen?");
  await expect(card).toContainText("the line broke while the parcel to Via Roma 1 was sent");
  await card.getByRole("button", { name: "It happened" }).click();
  await card.getByLabel("What came of it").fill("receipt 17");
  await page.keyboard.press("Enter");
  await expect(card).toHaveCount(0);
  expect(String((await reaches(request, run.id, "finished")).output)).toContain("receipt 17");
});

test("what was cut off is told of, although nobody is asked any more", async ({ page, request }) => {
  const run = await startRun(request, "courier", "Send a parcel to the address 'Via Appia 2'", { wait: 20 });
  await request.post(`api/v1/runs/${run.id}/cancel`, { data: {} });
  await page.goto("inbox");
  await page.getByRole("tab", { name: /Unknown outcomes/ }).click();
  await expect(page.getByRole("tabpanel")).toContainText("Via Appia 2");
});
