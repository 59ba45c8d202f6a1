// One interface over the engines, against which a test of the pages is written once.
//
//     ENGINE           chromium (the default), firefox or webkit
//     CHROMIUM         the browser's program; so does FIREFOX
//     WEBKIT_DRIVER    WebKitGTK's driver, which starts its browser; Xvfb is its screen
//     SCREENSHOTS      the folder for screenshots; none are taken without it

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import { PuppeteerEngine } from "./engine.puppeteer.mjs";
import { WebKitEngine } from "./engine.webkit.mjs";
import { PATIENCE, tools } from "./world.mjs";

const AXE = await readFile(tools.resolve("axe-core/axe.min.js"), "utf8");
const { ENGINE = "chromium", CHROMIUM, FIREFOX, SCREENSHOTS, WEBKIT_DRIVER } = process.env;
/** The pause between two looks at a page. */
const POLL_MS = 25;

const STARTS = {
  chromium: () => PuppeteerEngine.start("Chromium", "chrome", CHROMIUM ?? "/usr/bin/chromium"),
  firefox: () => PuppeteerEngine.start("Firefox", "firefox", FIREFOX ?? "/usr/bin/firefox-esr"),
  webkit: () => WebKitEngine.start(WEBKIT_DRIVER ?? "/usr/bin/WebKitWebDriver"),
};

/** Starts the engine that `ENGINE` names. It has a `name` and a `version`, gives profiles, and is closed. */
export const start = () => STARTS[ENGINE]();

/** Opens a page in a new tab of a profile. */
export async function open(profile, address) {
  const tab = new Tab(await profile.newDriver());
  await tab.goto(address);
  return tab;
}

/**
 * The elements of a selector, in which `>>>` leads into a shadow root or a frame.
 * Functions for a page are sent as their source, so they use nothing around them.
 */
const find = (selector) =>
  selector.split(" >>> ").reduce(
    (roots, part) =>
      roots.flatMap((root) => [...(root.contentDocument ?? root.shadowRoot ?? root).querySelectorAll(part)]),
    [document],
  );

/** The point of the first visible element with this label or text at which a click reaches it, else null. */
const pointOf = (elements, text) => {
  const words = (one) => (one.ariaLabel || one.textContent).trim();
  const one = elements.find((one) => one.checkVisibility() && (text === null || words(one) === text));
  if (!one) return null;
  one.scrollIntoView({ block: "nearest" });
  const [box] = one.getClientRects();
  if (!box) return null;
  const point = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  if (!one.contains(one.getRootNode().elementFromPoint(point.x, point.y))) return null;
  const frame = one.ownerDocument.defaultView.frameElement?.getBoundingClientRect();
  return { x: Math.round(point.x + (frame?.x ?? 0)), y: Math.round(point.y + (frame?.y ?? 0)) };
};

/** A tab: what a person does there, and what a test asks of its page. */
export class Tab {
  #driver;

  constructor(driver) {
    this.#driver = driver;
  }

  goto(address) {
    return this.#driver.goto(address);
  }

  reload() {
    return this.#driver.reload();
  }

  /** Brings the tab to the front: a browser draws no others. */
  show() {
    return this.#driver.show();
  }

  resize(width, height) {
    return this.#driver.resize(width, height);
  }

  close() {
    return this.#driver.close();
  }

  /** Calls a function in the page, with arguments that are JSON. */
  evaluate(fn, ...args) {
    return this.#driver.run(`(${fn})(${args.map((arg) => JSON.stringify(arg ?? null)).join()})`);
  }

  /** Calls a function in the page with the elements of a selector. */
  on(selector, fn, ...args) {
    const all = [`(${find})(${JSON.stringify(selector)})`, ...args.map((arg) => JSON.stringify(arg ?? null))];
    return this.#driver.run(`(${fn})(${all.join()})`);
  }

  texts(selector) {
    return this.on(selector, (all) => all.map((one) => one.textContent.replace(/\s+/g, " ").trim()));
  }

  count(selector) {
    return this.on(selector, (all) => all.length);
  }

  /** Waits until `look` returns something true, and returns it. */
  async wait(what, look) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (Date.now() > end) throw new Error(`${what} did not come; the page:\n${await this.#told()}`);
      await pause(POLL_MS);
    }
  }

  /** Waits until a function is true in the page. */
  until(what, fn, ...args) {
    return this.wait(what, () => this.evaluate(fn, ...args));
  }

  /** Waits until a function of a selector's elements is true. */
  untilOn(selector, fn, ...args) {
    return this.wait(`${selector}: ${fn} ${args}`, () => this.on(selector, fn, ...args));
  }

  /** Waits for a visible element with these words. */
  sees(selector, words = "") {
    const has = (all, words) =>
      all.some((one) => one.checkVisibility() && one.textContent.replace(/\s+/g, " ").includes(words));
    return this.wait(`${selector} with "${words}"`, () => this.on(selector, has, words));
  }

  /** Waits until no visible element is left. */
  misses(selector) {
    return this.untilOn(selector, (all) => !all.some((one) => one.checkVisibility()));
  }

  /** Clicks with the mouse, once the element is there, rests and is covered by nothing. */
  async click(selector, text) {
    let before;
    const rests = async () => {
      const point = await this.on(selector, pointOf, text);
      const isSame = point && before?.x === point.x && before.y === point.y;
      before = point;
      return isSame && point;
    };
    await this.#driver.click(await this.wait(`${selector} ${text ?? ""} to be clicked`, rests));
  }

  /** Presses a key, by its `KeyboardEvent.key`, or two at once: `Shift+Tab`. */
  press(keys) {
    return this.#driver.press(...keys.split("+"));
  }

  type(text) {
    return this.#driver.type(text);
  }

  /** Fails if axe finds an accessibility violation. */
  async accessible(state) {
    await this.#driver.run(`(() => {${AXE}})()`);
    const violations = await this.evaluate(async () => {
      const { violations } = await axe.run({ rules: { "target-size": { enabled: true } } });
      const told = (id) => (node) => [id, `${node.target}`, node.failureSummary];
      return violations.flatMap(({ id, nodes }) => nodes.map(told(id)));
    });
    assert.deepEqual(violations, [], state);
  }

  async picture(name) {
    if (!SCREENSHOTS) return;
    await mkdir(SCREENSHOTS, { recursive: true });
    await writeFile(`${SCREENSHOTS}/${ENGINE}-${name}.png`, await this.#driver.screenshot());
  }

  /** The words of the page and of its open shadow roots, for the message of a failure. */
  #told() {
    return this.evaluate(() => {
      const words = (root) => [root.innerText ?? root.textContent];
      const shadows = [...document.querySelectorAll("*")].flatMap(({ shadowRoot }) => shadowRoot ?? []);
      const bodies = shadows.flatMap((root) => [...root.children].flatMap(words));
      return [location.pathname, ...words(document.body), ...bodies].join("\n").slice(0, 3000);
    });
  }
}
