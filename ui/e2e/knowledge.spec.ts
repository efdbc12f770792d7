import type { APIRequestContext, Page } from "@playwright/test";
import { answers, begin, expect, test } from "./desk";

const WARRANTY = `# Warranty

Every kettle has a warranty of two years from the day of purchase.

## What is left out

Limescale is not a defect. Filters are not covered.
`;
const row = (page: Page, name: string) => page.locator(`li[data-document="${name}"]`);

async function add(request: APIRequestContext, collection: string, name: string, text: string): Promise<void> {
  const answer = await request.post(`api/v1/knowledge/${collection}/documents`, { data: { name, text } });
  expect(answer.ok(), await answer.text()).toBe(true);
  await expect(async () => {
    const { items } = (await (await request.get(`api/v1/knowledge/${collection}/documents?limit=200`)).json()) as {
      items: { name: string; status: string }[];
    };
    expect(items.find((one) => one.name === name)?.status).toBe("ready");
  }).toPass({ timeout: 20_000 });
}

test("a collection begins, takes files by drop, a text and a page, and gives them up", async ({ page, clean }) => {
  clean.allow(/40[0-9]|502/);
  await page.goto("runs");
  await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("k");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Knowledge");
  await page.getByRole("button", { name: "New collection" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("kettles");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/knowledge\/kettles$/);
  await expect(page.getByText("Nothing in here yet")).toBeVisible();

  const files = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "warranty.md", { type: "text/markdown" }));
    transfer.items.add(new File(["name,price\nkettle,40\n"], "prices.csv", { type: "text/csv" }));
    return transfer;
  }, WARRANTY);
  const place = page.getByRole("region", { name: "Add" });
  await place.dispatchEvent("dragover", { dataTransfer: files });
  await expect(place).toContainText("Let go to add them");
  await place.dispatchEvent("drop", { dataTransfer: files });
  await expect(row(page, "warranty.md")).toHaveAttribute("data-status", "ready");
  await expect(row(page, "prices.csv")).toHaveAttribute("data-status", "ready");
  await expect(row(page, "warranty.md")).toContainText(/passages?/);

  await page.getByRole("button", { name: "Text" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("hours.txt");
  await page.getByRole("dialog").getByLabel("Text").fill("The shop opens at nine.");
  await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
  await expect(row(page, "hours.txt")).toHaveAttribute("data-status", "ready");
  await page.getByRole("button", { name: "Web page" }).click();
  await page.getByRole("dialog").getByLabel("Address").fill("ftp://nowhere");
  await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("http");
  await page.keyboard.press("Escape");

  await page.getByRole("searchbox").fill("How long is the warranty?");
  const found = page.locator("[data-passage]").first();
  await expect(found).toContainText("two years");
  await found.getByRole("button").click();
  const source = page.getByRole("dialog", { name: "Source" });
  await expect(source.locator("mark")).toContainText("two years");
  await expect(source.locator("[data-source]")).toContainText("Limescale is not a defect");
  await page.keyboard.press("Escape");
  await page.getByLabel("Only where (JSON)").fill("{year");
  await expect(page.getByRole("alert")).toContainText("no JSON object");
  await page.getByLabel("Only where (JSON)").fill('{"year": 1999}');
  await expect(page.getByText("No passage fits")).toBeVisible();

  await row(page, "prices.csv").getByRole("button", { name: "Remove prices.csv" }).click();
  const sure = page.getByRole("alertdialog");
  await expect(sure).toContainText("“prices.csv” goes with");
  await sure.getByRole("button", { name: "Remove" }).click();
  await expect(row(page, "prices.csv")).toHaveCount(0);
  await page.getByRole("link", { name: "Knowledge" }).last().click();
  await expect(page.locator("li[data-collection=kettles]")).toContainText("2 documents");
});

test("an answer cites, and its citation opens the source", async ({ page, request }) => {
  await add(request, "handbook", "warranty.md", WARRANTY);
  await begin(page, "librarian", "How long is the warranty of a kettle?");
  const answer = answers(page).last();
  const cite = answer.getByRole("link", { name: /^\d+$/ });
  await expect(cite).toHaveCount(1);
  await expect(answer).toContainText("[999999]");
  await page.reload();
  await cite.click();
  const source = page.getByRole("dialog", { name: "Source" });
  await expect(source).toContainText("warranty.md");
  await expect(source.locator("mark")).not.toBeEmpty();
  await expect(source.locator("[data-source]")).toContainText("a warranty of two years");
  await page.keyboard.press("Escape");
  const told = answers(page).locator("[data-told=found]");
  await told.getByRole("button").click();
  await told
    .getByRole("button", { name: /warranty\.md/ })
    .first()
    .click();
  await expect(source).toContainText("warranty.md");
  await source.getByRole("link", { name: "handbook" }).click();
  await expect(row(page, "warranty.md")).toBeVisible();
});
