import { answers, begin, expect, runRow, say, startRun, test, tool } from "./desk";

test("words stream in, and stay", async ({ page }) => {
  await begin(page, "writer", "Why are runs durable?");
  await expect(page.locator("[data-partial]")).toContainText("Why runs are durable");
  await expect(page.getByRole("button", { name: "Stop" })).toBeVisible();
  await expect(answers(page)).toContainText("See the documentation");
  await expect(page.locator("[data-partial]")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Send", exact: true })).toBeVisible();
  await page.reload();
  await expect(answers(page)).toHaveCount(1);
  await expect(answers(page).getByRole("heading", { name: "Why runs are durable" })).toBeVisible();
});

test("what a model writes cannot do harm", async ({ page, request }) => {
  const run = await startRun(request, "scribe", "Write", { wait: 30 });
  await page.goto(`chat/${run.thread_id}`);
  const answer = answers(page);
  await expect(answer).toContainText("do not");
  await expect(answer.locator("img, script, iframe, form, [onerror], [style*=url]")).toHaveCount(0);
  await expect(answer.locator('a[href^="javascript"]')).toHaveCount(0);
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  await expect(answer.getByRole("link", { name: "a picture" })).toHaveAttribute("rel", /noopener/);
  await expect(answer.locator("pre .hljs-keyword").first()).toBeVisible();
  await expect(answer.locator("td").last()).toHaveAttribute("align", "right");
});

test("thoughts are folded away, and open", async ({ page, request }) => {
  const run = await startRun(request, "scribe", "Write", { wait: 30 });
  await page.goto(`chat/${run.thread_id}`);
  await expect(page.getByText("A table may help")).toHaveCount(0);
  await page.getByRole("button", { name: "Thoughts" }).click();
  await expect(page.getByText("A table may help")).toBeVisible();
});

test("a tool shows that it runs, then what it gave", async ({ page }) => {
  await begin(page, "assistant", "Please make a slow report about 'Rome'");
  await expect(tool(page, "slow_report")).toHaveAttribute("data-state", "running");
  await expect(tool(page, "slow_report")).toHaveAttribute("data-state", "done");
  await tool(page, "slow_report").getByRole("button").first().click();
  await expect(tool(page, "slow_report")).toContainText("Rome");
  await expect(tool(page, "slow_report")).toContainText("all is well");
  await expect(answers(page).last()).toContainText("[demo] slow_report says");
});

test("a tool that fails says so, and the talk goes on", async ({ page }) => {
  await begin(page, "assistant", "What is the stock price of 'ACME'?");
  await expect(tool(page, "stock_price")).toHaveAttribute("data-state", "failed");
  await tool(page, "stock_price").getByRole("button").first().click();
  await expect(tool(page, "stock_price")).toContainText("the exchange is closed");
  await say(page, "Hello");
  await expect(answers(page).last()).toContainText("demo model");
});

test("the demo model is called one wherever it answers", async ({ page }) => {
  await begin(page, "assistant", "Hello");
  await expect(page.getByRole("main").getByRole("button", { name: "demo model" })).toBeVisible();
  await expect(answers(page).first().getByText("demo model", { exact: true })).toBeVisible();
  await page.goto("chat");
  await page.getByRole("combobox", { name: "Choose an agent" }).click();
  await expect(page.getByRole("option", { name: /^assistant/ })).toContainText("demo model");
  await expect(page.getByRole("option", { name: /^writer/ })).not.toContainText("demo model");
});

test("structured output is shown as what it is", async ({ page }) => {
  await begin(page, "geographer", "Name 'Rome', population 2800000");
  await expect(answers(page).last().getByLabel("Structured output")).toContainText('"population"');
});

test.describe("a run outlives the page", () => {
  test("a reload goes on where the run is; no word is lost or doubled", async ({ page }) => {
    await begin(page, "writer", "Why?");
    await expect(page.locator("[data-partial]")).toContainText("A run is");
    await page.reload();
    await expect(page.locator("[data-partial]")).toContainText("A run is");
    const heads = page.getByRole("heading", { name: "Why runs are durable" });
    await expect(heads).toHaveCount(1);
    await expect(answers(page)).toContainText("See the documentation");
    await expect(heads).toHaveCount(1);
    await expect(page.locator("[data-role=user]")).toHaveCount(1);
  });

  test("a thread that is opened elsewhere shows what was written so far", async ({ page, context, request }) => {
    const run = await startRun(request, "writer", "Why?");
    await page.goto(`chat/${run.thread_id}`);
    await expect(page.locator("[data-partial]")).toContainText("A run is");
    const other = await context.newPage();
    await other.goto(`chat/${run.thread_id}`);
    await expect(other.locator("[data-partial]")).toContainText("Why runs are durable");
    await expect(other.locator("[data-role=assistant]")).toContainText("See the documentation");
    await expect(page.locator("[data-role=assistant]")).toContainText("See the documentation");
  });

  test("a line that breaks is taken up again", async ({ page, clean }) => {
    clean.allow(/ERR_|Failed to load/);
    let broken = 0;
    await page.route("**/events", async (route) => {
      // The first connection is cut before it gives anything; the second is real.
      if (broken++ === 0) await route.abort("connectionreset");
      else await route.continue();
    });
    await begin(page, "writer", "Why?");
    await expect(answers(page)).toContainText("See the documentation");
    expect(broken).toBeGreaterThan(1);
  });

  test("a message that a run from elsewhere adds appears by itself", async ({ page, request }) => {
    const first = await startRun(request, "quick", "One", { wait: 10 });
    await page.goto(`chat/${first.thread_id}`);
    await expect(answers(page)).toHaveCount(1);
    await startRun(request, "quick", "Two", { thread: first.thread_id, wait: 10 });
    await expect(answers(page)).toHaveCount(2);
  });
});

test("stop cancels the run", async ({ page, request }) => {
  await begin(page, "writer", "Why?");
  await expect(page.locator("[data-partial]")).toContainText("Why runs");
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByText("Stopped")).toBeVisible();
  await expect(page.getByRole("button", { name: "Send", exact: true })).toBeVisible();
  const { items } = (await (await request.get(`api/v1/runs?thread_id=${page.url().split("/").pop()}`)).json()) as {
    items: { status: string }[];
  };
  expect(items[0]?.status).toBe("cancelled");
});

test("a run that fails says why, and can be tried again", async ({ page, request }) => {
  await begin(page, "broken", "Hello");
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("The run has failed");
  await expect(alert).toContainText("the provider is overloaded");
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect(page.locator("[data-role=user]")).toHaveCount(2);
  await expect(page.getByRole("alert")).toContainText("overloaded");
  const thread = page.url().split("/").pop();
  const { items } = (await (await request.get(`api/v1/runs?thread_id=${thread}`)).json()) as { items: unknown[] };
  expect(items).toHaveLength(2);
});

test.describe("a run that asks", () => {
  const WORDS = "Please delete files of the folder 'drafts'";

  test("goes on once it is approved, even after the page was closed", async ({ page, request }) => {
    const run = await startRun(request, "assistant", WORDS, { wait: 20 });
    expect(run.status).toBe("paused");
    await page.goto(`chat/${run.thread_id}`);
    await expect(tool(page, "delete_files")).toHaveAttribute("data-state", "asked");
    const card = page.getByRole("region", { name: "Approval needed" });
    await expect(card).toContainText("drafts");
    await card.getByRole("button", { name: "Approve" }).click();
    await expect(answers(page).last()).toContainText("deleted everything");
    await expect(card).toHaveCount(0);
    expect((await runRow(request, run.id)).status).toBe("finished");
  });

  test("takes no for an answer, with the reason", async ({ page }) => {
    await begin(page, "assistant", WORDS);
    await page.getByRole("button", { name: "Reject" }).click();
    await page.getByLabel("Reason (optional)").fill("too risky");
    await page.keyboard.press("Enter");
    await expect(tool(page, "delete_files")).toHaveAttribute("data-state", "failed");
    await expect(answers(page).last()).toContainText("too risky");
  });

  test("is approved with other arguments", async ({ page }) => {
    await begin(page, "assistant", WORDS);
    await page.getByRole("button", { name: "Edit" }).click();
    await expect(page.getByLabel("Folder", { exact: true })).toHaveValue("drafts");
    await page.getByRole("button", { name: "Write JSON" }).click();
    const field = page.getByLabel("Answer as JSON");
    await field.fill("{");
    await page.getByRole("button", { name: "Approve as edited" }).click();
    await expect(page.getByText("This is not valid JSON.")).toBeVisible();
    await field.fill('{"folder": "cellar"}');
    await page.getByRole("button", { name: "Back to the form" }).click();
    await expect(page.getByLabel("Folder", { exact: true })).toHaveValue("cellar");
    await page.getByLabel("Folder", { exact: true }).fill("attic");
    await page.getByRole("button", { name: "Approve as edited" }).click();
    await expect(answers(page).last()).toContainText("attic");
  });

  test("is on the first page until somebody answers, and hears an answer from elsewhere", async ({ page, request }) => {
    const run = await startRun(request, "assistant", WORDS, { wait: 20 });
    await page.goto("");
    await page.getByRole("region", { name: "Waiting for you" }).locator(`a[href$="${run.thread_id}"]`).click();
    await expect(page.getByRole("button", { name: "Approve" })).toBeVisible();
    const { questions } = (await (await request.get(`api/v1/runs/${run.id}`)).json()) as {
      questions: { id: string }[];
    };
    await request.post(`api/v1/runs/${run.id}/answers`, { data: { answers: { [questions[0]!.id]: true } } });
    await expect(answers(page).last()).toContainText("deleted everything");
  });
});

test("a server that is away is told of, and found again", async ({ page, clean }) => {
  clean.allow(/ERR_|Failed to load/);
  await page.goto("chat");
  await expect(page.locator("[data-composer]")).toBeVisible();
  await page.route("**/api/v1/**", (route) => route.abort("connectionrefused"));
  await say(page, "Hello");
  await expect(page.getByText("The server cannot be reached.").first()).toBeVisible();
  await expect(page.locator("[data-composer]")).toHaveValue("Hello");
  await page.unroute("**/api/v1/**");
  await page.locator("[data-composer]").press("Enter");
  await page.waitForURL(/\/chat\/.+/);
});
