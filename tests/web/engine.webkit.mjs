// WebKitGTK, driven by its own WebDriver, which starts the browser that comes with it (MiniBrowser). The engine needs a
// screen: that of Xvfb, a display of its own. As it has no way to emulate another, a window's size is the page's.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import { PATIENCE, tools } from "./world.mjs";

const { Builder, Key } = tools("selenium-webdriver");
const SCREEN = "1600x1200x24";
/** The pause between two questions whether the driver is there. */
const POLL_MS = 20;

export class WebKitEngine {
  name = "WebKit";
  #program;
  #screen;
  #environment;

  static async start(program) {
    const engine = new this();
    const options = ["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"];
    const screen = (engine.#screen = await begin("Xvfb", options, { stdio: ["ignore", "pipe", "ignore"] }));
    const [display] = await Promise.race([
      once(screen.stdout, "data"),
      once(screen, "exit").then(([code]) => Promise.reject(new Error(`Xvfb ended with ${code}`))),
    ]);
    engine.#program = program;
    // Without a bus of the desktop's: the accessibility of GTK would wait for it.
    engine.#environment = { ...process.env, DISPLAY: `:${`${display}`.trim()}`, GDK_BACKEND: "x11", NO_AT_BRIDGE: "1" };
    try {
      const profile = await engine.newProfile({ width: 800, height: 600 });
      engine.version = profile.version;
      await profile.close();
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  }

  /** A profile whose storage is empty: a driver has one session, and a session one browser. */
  async newProfile(size) {
    const port = await freePort();
    const driver = await begin(this.#program, [`--port=${port}`], { env: this.#environment, stdio: "ignore" });
    const url = `http://127.0.0.1:${port}`;
    const latest = Date.now() + PATIENCE;
    while (!(await fetch(`${url}/status`).catch(() => {}))?.ok) {
      if (driver.exitCode !== null) throw new Error(`${this.#program} ended with ${driver.exitCode}`);
      if (Date.now() > latest) throw new Error(`${this.#program} does not listen`);
      await pause(POLL_MS);
    }
    const session = await new Builder().usingServer(url).withCapabilities({ browserName: "MiniBrowser" }).build();
    const capabilities = await session.getCapabilities();
    return new Profile(driver, session, capabilities.getBrowserVersion(), size);
  }

  close() {
    return end(this.#screen);
  }
}

class Profile {
  #process;
  #session;
  #size;
  #current;
  #hasTabs = false;
  /** Commands go to the session's current window, so they take turns. */
  #turn = Promise.resolve();

  constructor(process, session, version, size) {
    this.#process = process;
    this.#session = session;
    this.version = version;
    this.#size = size;
  }

  async newDriver() {
    // The first tab is there from the beginning.
    if (this.#hasTabs) await this.#session.switchTo().newWindow("window");
    this.#hasTabs = true;
    const handle = (this.#current = await this.#session.getWindowHandle());
    const driver = new Driver((command) => this.#in(handle, command));
    await driver.resize(this.#size.width, this.#size.height);
    return driver;
  }

  #in(handle, command) {
    const turn = this.#turn.then(async () => {
      if (this.#current !== handle) await this.#session.switchTo().window(handle);
      this.#current = handle;
      return command(this.#session);
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async close() {
    await this.#session.quit();
    await end(this.#process);
  }
}

class Driver {
  #do;

  constructor(inWindow) {
    this.#do = inWindow;
  }

  goto(address) {
    return this.#do((session) => session.get(address));
  }

  reload() {
    return this.#do((session) => session.navigate().refresh());
  }

  /** The next command would do the same; all windows are drawn. */
  show() {
    return this.#do(() => {});
  }

  run(expression) {
    return this.#do((session) => session.executeScript(`return ${expression}`));
  }

  click({ x, y }) {
    return this.#do((session) => session.actions().move({ x, y, duration: 0 }).click().perform());
  }

  press(...keys) {
    const codes = keys.map((key) => Key[key.toUpperCase()] ?? key);
    return this.#do((session) => {
      const actions = session.actions();
      for (const code of codes) actions.keyDown(code);
      for (const code of codes.toReversed()) actions.keyUp(code);
      return actions.perform();
    });
  }

  type(text) {
    return this.#do((session) => session.actions().sendKeys(text).perform());
  }

  /** Gives the window the size at which the page, below the browser's bar, has this one. */
  resize(width, height) {
    return this.#do(async (session) => {
      const bars = await session.executeScript("return [outerWidth - innerWidth, outerHeight - innerHeight]");
      await session.manage().window().setRect({ x: 0, y: 0, width: width + bars[0], height: height + bars[1] });
    });
  }

  async screenshot() {
    return Buffer.from(await this.#do((session) => session.takeScreenshot()), "base64");
  }

  close() {
    return this.#do((session) => session.close());
  }
}

/** Starts a program that does not outlive the tests, however they end; throws if there is none. */
async function begin(program, options, how) {
  const child = spawn(program, options, how);
  await once(child, "spawn");
  const kill = () => child.kill();
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, "exit");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
