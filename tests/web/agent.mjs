// The agent: a browser with the agent console open.

import { picture, watch } from "./chromium.mjs";
import { PATIENCE, url } from "./world.mjs";

/** Opens the console with this token, in a browser context of its own. */
export async function consoleOf(
  browser,
  token,
  { at = "", sockets = true, width = 1360, height = 860, before, ...look } = {},
) {
  const context = await browser.newContext({ viewport: { width, height }, ...look });
  await before?.(context);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const wrong = watch(page);
  if (!sockets) await page.routeWebSocket("**", (socket) => socket.close());
  await page.goto(`${url}/console#token=${token}`);
  await page.locator(".console").waitFor();
  if (at) await page.evaluate((hash) => (location.hash = hash), at);
  return new Agent(context, page, wrong);
}

/** The parts of the console that tests use, and an agent's actions. */
export class Agent {
  constructor(context, page, wrong) {
    this.context = context;
    this.page = page;
    this.wrong = wrong;
    this.holder = page.locator(".holder");
    this.reply = page.locator(".thread .reply textarea");
    this.bubbles = page.locator(".thread .bubble");
  }

  row(title) {
    return this.page.locator(".list .row-link", { hasText: title });
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  async opens({ id }) {
    await this.page.evaluate((hash) => (location.hash = hash), id);
    await this.holder.waitFor();
  }

  async says(text) {
    await this.reply.fill(text);
    await this.reply.press("Enter");
  }

  sees(text, where = ".console") {
    return this.page.locator(where, { hasText: text }).first().waitFor();
  }

  /** Waits until a condition that is evaluated in the page holds. */
  until(condition, argument) {
    return this.page.waitForFunction(condition, argument, { timeout: PATIENCE });
  }

  picture(name) {
    return picture(this.page, `console-${name}`);
  }
}
