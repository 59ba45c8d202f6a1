// Chromium, and a stock Firefox, which speaks WebDriver BiDi itself: both driven by Puppeteer.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { FLAGS } from "./chromium.mjs";
import { tools } from "./world.mjs";

const { default: puppeteer } = await import(tools.resolve("puppeteer-core"));
const START_TIMEOUT_MS = 60_000;

export class PuppeteerEngine {
  #browser;
  #home;

  constructor(name, version, browser, home) {
    this.name = name;
    this.version = version;
    this.#browser = browser;
    this.#home = home;
  }

  static async start(name, browser, executablePath) {
    // As root, Firefox refuses to start in a home that is somebody else's.
    const home = await mkdtemp(join(tmpdir(), "home-"));
    const args = browser === "chrome" ? FLAGS : [];
    const env = { ...process.env, HOME: home };
    const started = await puppeteer.launch({ browser, executablePath, args, env, timeout: START_TIMEOUT_MS });
    return new this(name, (await started.version()).replace(/^.*\//, ""), started, home);
  }

  /** A profile whose storage is empty. */
  async newProfile(size) {
    return new Profile(await this.#browser.createBrowserContext(), size);
  }

  async close() {
    await this.#browser.close();
    await rm(this.#home, { recursive: true, force: true });
  }
}

class Profile {
  #context;
  #size;

  constructor(context, size) {
    this.#context = context;
    this.#size = size;
  }

  async newDriver() {
    const page = await this.#context.newPage();
    await page.setViewport(this.#size);
    return new Driver(page);
  }

  close() {
    return this.#context.close();
  }
}

class Driver {
  #page;

  constructor(page) {
    this.#page = page;
  }

  goto(address) {
    return this.#page.goto(address, { waitUntil: "load" });
  }

  reload() {
    return this.#page.reload({ waitUntil: "load" });
  }

  run(expression) {
    return this.#page.evaluate(expression);
  }

  show() {
    return this.#page.bringToFront();
  }

  click({ x, y }) {
    return this.#page.mouse.click(x, y);
  }

  async press(key, then) {
    if (!then) return this.#page.keyboard.press(key);
    await this.#page.keyboard.down(key);
    await this.#page.keyboard.press(then);
    await this.#page.keyboard.up(key);
  }

  type(text) {
    return this.#page.keyboard.type(text);
  }

  resize(width, height) {
    return this.#page.setViewport({ width, height });
  }

  screenshot() {
    return this.#page.screenshot();
  }

  close() {
    return this.#page.close();
  }
}
