/** What the journeys share: a page that must stay clean, the REST API to set things up, and ways to say something. */
import { type APIRequestContext, expect, type Page, test as base } from "@playwright/test";

interface Fixtures {
  /** Every page of a journey: no error in its console, no request to anybody else. */
  clean: { allow: (pattern: RegExp) => void };
}

export const test = base.extend<Fixtures>({
  clean: [
    async ({ page, context, baseURL }, use) => {
      const allowed: RegExp[] = [];
      const complaints: string[] = [];
      const watch = (other: Page) => {
        other.on("console", (message) => {
          if (message.type() === "error" || message.type() === "warning") complaints.push(`console: ${message.text()}`);
        });
        other.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
        other.on("request", (request) => {
          const { origin, protocol } = new URL(request.url());
          if (/^https?:$/.test(protocol) && origin !== new URL(baseURL!).origin)
            complaints.push(`request: ${request.url()}`);
        });
      };
      watch(page);
      context.on("page", watch);
      await use({ allow: (pattern) => void allowed.push(pattern) });
      expect(complaints.filter((line) => !allowed.some((pattern) => pattern.test(line)))).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export interface RunRow {
  id: string;
  thread_id: string;
  status: string;
  output: unknown;
  usage: { input_tokens?: number; output_tokens?: number; requests?: number } | null;
}

/** Starts a run over REST; with `wait` seconds, until it rests. */
export async function startRun(
  request: APIRequestContext,
  target: string,
  input: unknown,
  options: { thread?: string; wait?: number; breakpoints?: object[] } = {},
): Promise<RunRow> {
  const answer = await request.post(`api/v1/runs${options.wait ? `?wait=${options.wait}` : ""}`, {
    data: {
      target,
      input,
      ...(options.thread ? { thread_id: options.thread } : {}),
      ...(options.breakpoints ? { breakpoints: options.breakpoints } : {}),
    },
  });
  expect(answer.ok(), await answer.text()).toBe(true);
  return (await answer.json()) as RunRow;
}

export async function runRow(request: APIRequestContext, id: string): Promise<RunRow> {
  return (await (await request.get(`api/v1/runs/${id}`)).json()) as RunRow;
}

/** Until the run has come so far; its row as it is then. */
export async function reaches(request: APIRequestContext, id: string, status: string): Promise<RunRow> {
  await expect.poll(async () => (await runRow(request, id)).status).toBe(status);
  return runRow(request, id);
}

/** Begins a chat with an agent in the browser. */
export async function begin(page: Page, agent: string, words: string): Promise<void> {
  await page.goto("chat");
  await page.getByRole("combobox", { name: "Choose an agent" }).click();
  await page.getByRole("option", { name: new RegExp(`^${agent}\\b`) }).click();
  await say(page, words);
  await page.waitForURL(/\/chat\/.+/);
}

export async function say(page: Page, words: string): Promise<void> {
  const field = page.locator("[data-composer]");
  await field.fill(words);
  await field.press("Enter");
}

export const answers = (page: Page) => page.locator("[data-role=assistant]");
export const tool = (page: Page, name: string) => page.locator(`[data-tool=${name}]`);
