import type { APIRequestContext } from "@playwright/test";
import { expect, startRun, test } from "./desk";

// One server for all journeys: the policy of these denies one sum, and leaves everything else as it was.
const POLICY = {
  rules: [
    { decision: "deny", tools: "calculator", arguments: { expression: "13 +*" }, reason: "bad luck", name: "thirteen" },
  ],
  defaults: false,
};

async function putPolicy(request: APIRequestContext): Promise<void> {
  const { version, policy } = (await (await request.get("api/v1/policy")).json()) as {
    version: number;
    policy: { rules?: unknown[] } | null;
  };
  if (policy?.rules?.length) return;
  await request.put("api/v1/policy", { data: { version, policy: POLICY } });
}

test("a tool is found, enabled, looked at and tried", async ({ page }) => {
  await page.route("**/api/v1/tools/calculator", async (route) => {
    if (route.request().method() === "PATCH") await new Promise((next) => setTimeout(next, 300));
    await route.continue();
  });
  await page.goto("tools");
  await page.getByRole("heading", { level: 1, name: "Tools" }).waitFor();
  await page.locator("li[data-tool]").first().waitFor();
  await page.keyboard.press("/");
  await expect(page.locator("input:focus")).toBeVisible();
  await page.keyboard.type("calcul");
  const row = page.locator("li[data-tool=calculator]");
  await expect(page.locator("li[data-tool]")).toHaveCount(1);
  await row.getByRole("checkbox", { name: "Enable calculator" }).check();
  await expect(page.getByText("calculator is enabled")).toBeVisible();
  await row.getByRole("button").click();
  const panel = page.getByRole("region", { name: "calculator" });
  await panel.getByLabel("Expression").fill("6 * 7");
  await panel.getByRole("button", { name: "Try it" }).click();
  await expect(panel.getByRole("status")).toContainText("42");
  await panel.getByText("Parameters").click();
  await expect(panel.getByText('"expression"').first()).toBeVisible();
  const asks = panel.getByRole("checkbox", { name: "A person is asked before each call" });
  await asks.check();
  await expect(row.getByText("asks first")).toBeVisible();
  await expect(asks).toBeFocused();
  await asks.uncheck();
  await expect(row.getByText("asks first")).toBeHidden();
  await page.reload();
  await expect(row.getByRole("checkbox")).toBeChecked();
  await row.getByRole("checkbox").uncheck();
  await expect(page.getByText("calculator is disabled")).toBeVisible();
});

test("a secret is set, replaced and deleted, and never shown", async ({ page }) => {
  await page.goto("tools");
  await page.getByRole("heading", { level: 1, name: "Tools" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  const form = page.getByRole("form", { name: "Set a secret" });
  await form.getByLabel("Name").fill("JOURNEY_TOKEN");
  await form.getByLabel("Value").fill("not-to-be-seen");
  await form.getByRole("button", { name: "Set" }).click();
  await expect(page.getByText("JOURNEY_TOKEN is set")).toBeVisible();
  await page.reload();
  await page.locator("li[data-secret=JOURNEY_TOKEN]").getByRole("button", { name: "Replace JOURNEY_TOKEN" }).click();
  await expect(form.getByLabel("Name")).toHaveValue("JOURNEY_TOKEN");
  await expect(form.getByLabel("Value")).toBeFocused();
  await expect(form.getByLabel("Value")).toHaveValue("");
  await page.keyboard.type("another");
  await form.getByRole("button", { name: "Replace" }).click();
  await expect(form.getByLabel("Value")).toHaveValue("");
  expect(await page.content()).not.toContain("not-to-be-seen");
  await page.getByRole("button", { name: "Delete JOURNEY_TOKEN" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.locator("li[data-secret=JOURNEY_TOKEN]")).toHaveCount(0);
});

test("a policy is read, a draft is asked what would happen, and what is wrong is said", async ({
  page,
  request,
  clean,
}) => {
  clean.allow(/400 \(Bad Request\)/);
  await putPolicy(request);
  await page.goto("runs");
  await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await expect(page.locator("li[data-rule=thirteen]")).toContainText("expression 13 +*");

  const trial = page.getByRole("region", { name: "What would happen if…" });
  await trial.getByLabel("Tool", { exact: true }).fill("calculator");
  await expect(trial.getByLabel("What it does")).toHaveValue("read");
  await trial.getByLabel("Arguments, as JSON").fill('{"expression": "13 + 4"}');
  await trial.getByRole("button", { name: "Ask the policy" }).click();
  await expect(trial.getByRole("status")).toContainText("by the rule “thirteen”");
  await expect(trial.getByRole("status")).toContainText("bad luck");

  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("The policy, as JSON").fill('{"rules": [{"decision": "maybe"}]}');
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert")).toContainText("maybe");
  await page.getByLabel("The policy, as JSON").fill('{"otherwise": "ask"}');
  await trial.getByRole("button", { name: "Ask the policy" }).click();
  await expect(trial.getByRole("status")).toContainText("by the rule “otherwise”");
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.locator("li[data-rule=thirteen]")).toBeVisible();
});

test("what was judged is on record, filtered, and verified", async ({ page, request }) => {
  await putPolicy(request);
  await expect(async () => {
    // The policy holds within two seconds.
    const run = await startRun(request, "assistant", "What is 13 + 4?", { wait: 20 });
    const { items } = (await (await request.get(`api/v1/audit?run_id=${run.id}`)).json()) as { items: unknown[] };
    expect(items).toHaveLength(1);
  }).toPass({ timeout: 20_000 });
  await page.goto("audit");
  await page.getByRole("button", { name: "Denied", exact: true }).click();
  await expect(page).toHaveURL(/decision=deny/);
  const row = page.locator("li[data-use=calculator]").first();
  await expect(row).toContainText("Denied");
  await row.getByRole("button").click();
  await expect(row).toContainText("It was not called.");
  await page.getByLabel("Tool", { exact: true }).fill("nothing");
  await expect(page.getByText("No call is like that")).toBeVisible();
  await page.getByLabel("Tool", { exact: true }).fill("");

  await page.getByRole("button", { name: "Verify" }).click();
  const proof = page.getByRole("region", { name: "Verify" }).getByRole("status");
  await expect(proof).toContainText("as written");
  const head = (await proof.locator("code").textContent())!;
  expect(head).toMatch(/^\d+:[0-9a-f]{64}$/);
  await page.getByLabel("Compare with a link").fill(`1:${"0".repeat(64)}`);
  await page.getByRole("button", { name: "Verify" }).click();
  await expect(proof).toContainText("The link that was noted down is not in the chain");
  await page.getByLabel("Compare with a link").fill(head);
  await page.getByRole("button", { name: "Verify" }).click();
  await expect(proof).toContainText("as written");
  await row.getByRole("button").click();
  await row.getByRole("link", { name: "Open the run" }).click();
  await expect(page).toHaveURL(/\/runs\/run_/);
});
