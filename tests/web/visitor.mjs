// The visitor's side: the demo page, or a shop's page, with the widget in it.

import assert from "node:assert/strict";

import { accessible, picture, watch } from "./chromium.mjs";
import { agent, call, url } from "./world.mjs";

export const TENANT = "acme";

/**
 * Opens the page in a new browser context, whose storage has only `kept`, an earlier response of `POST /visitors`.
 * @param {{chatbot: string, kept?: object, context?: object, shop?: string, before?: (context) => Promise<void>,
 *   network?: {config: object}}} how
 */
export async function visit(browser, { chatbot, kept = {}, context: options, shop, before, network }) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 800 }, ...options });
  await context.route("**/config.json", async (route) => {
    const answer = await route.fetch();
    const demo = { tenant: TENANT, chatbot_id: chatbot };
    await route.fulfill({ response: answer, json: { ...(await answer.json()), ...network?.config, demo } });
  });
  await context.addInitScript(([place, kept]) => {
    if (location.protocol !== "http:") return;
    for (const what in kept) localStorage[`${place} ${what}`] ??= JSON.stringify(kept[what]);
  }, [`switchboard ${TENANT} ${chatbot}`, kept]);
  await before?.(context);
  return open(context, shop);
}

/** Opens another tab. */
export async function open(context, shop) {
  const page = await context.newPage();
  const wrong = watch(page);
  await page.goto(shop ? `${url}/demo.css` : url);
  if (shop) await page.setContent(shop);
  const chat = new Chat(context, page, wrong);
  await chat.part("launcher").waitFor();
  return chat;
}

/** The actions of a visitor in one tab, and queries of the widget there. */
export class Chat {
  constructor(context, page, wrong) {
    this.context = context;
    this.page = page;
    this.wrong = wrong;
  }

  part(id) {
    return this.page.locator(`switchboard-chat #${id}`);
  }

  button(name) {
    return this.page.locator("switchboard-chat").getByRole("button", { name, exact: true });
  }

  async opens() {
    await this.part("launcher").click();
    await this.part("field").waitFor();
    return this;
  }

  async says(text) {
    await this.part("field").fill(text);
    await this.part("field").press("Enter");
  }

  async downloads() {
    const [download] = await Promise.all([
      this.page.waitForEvent("download"),
      this.button("Download transcript").click(),
    ]);
    return download;
  }

  /** Waits for a message with these words, and returns the last one. */
  async shows(words, role = "bot") {
    const message = this.page.locator(`switchboard-chat #log .${role}`, { hasText: words }).last();
    await message.waitFor({ state: "attached" });
    return message;
  }

  /** Returns the texts of the log's messages and events. */
  said() {
    return this.page.locator("switchboard-chat #log :is(.message > div, .event)").allTextContents();
  }

  /** Returns the texts of the log's messages, without events. */
  async bubbles() {
    const all = await this.page.locator("switchboard-chat #log .message > div").allTextContents();
    return all.map((text) => text.replace(/\s+/g, " ").trim());
  }

  /** Returns a value that the widget has stored in the browser. */
  async kept(what) {
    const kept = await this.page.evaluate(() => Object.entries(localStorage));
    return JSON.parse(kept.find(([name]) => name.endsWith(` ${what}`))?.[1] ?? "null");
  }

  async keeps(what, value) {
    await this.page.evaluate(([what, value]) => {
      const name = Object.keys(localStorage).find((name) => name.endsWith(` ${what}`));
      localStorage[name] = JSON.stringify(value);
    }, [what, value]);
  }

  thread() {
    return this.kept("thread");
  }

  async log() {
    return (await call(agent, "GET", `/threads/${await this.thread()}/messages`)).data;
  }

  /** Returns the id of the element with the focus. */
  focused() {
    return this.page.evaluate(() => (document.activeElement.shadowRoot?.activeElement ?? document.activeElement).id);
  }

  /** Returns true if the focus is in the panel. */
  isInside() {
    return this.page.evaluate(() => Boolean(document.activeElement.shadowRoot?.activeElement?.closest("dialog")));
  }

  /** Waits for the animations of a part to end. */
  still(id) {
    return this.part(id).evaluate((one) => Promise.all(one.getAnimations().map(({ finished }) => finished)));
  }

  async shot(name) {
    await picture(this.page, `widget-${name}`);
  }

  async fine() {
    assert.deepEqual(this.wrong, []);
    const sideways = await this.page.evaluate(() => {
      const { shadowRoot } = document.querySelector("switchboard-chat");
      const all = [document.documentElement, ...shadowRoot.querySelectorAll("dialog, dialog *")];
      // These elements scroll sideways on purpose.
      const scrolls = (one) => one.closest("pre, .table, textarea") || getComputedStyle(one).overflowX === "hidden";
      const still = all.filter((one) => !scrolls(one));
      const wide = still.filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth + 1);
      return wide.map((one) => one.outerHTML.slice(0, 200));
    });
    assert.deepEqual(sideways, []);
  }

  accessible() {
    return accessible(this.page);
  }
}
