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
    const screen = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [display] = await Promise.race([
      once(screen.stdout, "data"),
      once(screen, "exit").then(([code]) => Promise.reject(new Error(`Xvfb ended with ${code}`))),
    ]);
    engine.#program = program;
    engine.#screen = screen;
    // Without a bus of the desktop's: the accessibility of GTK would wait for it.
    engine.#environment = { ...process.env, DISPLAY: `:${`${display}`.trim()}`, GDK_BACKEND: "x11", NO_AT_BRIDGE: "1" };
    const profile = await engine.newProfile({ width: 800, height: 600 });
    engine.version = profile.version;
    await profile.close();
    return engine;
  }

  /** A profile whose storage is empty: a driver has one session, and a session one browser. */
  async newProfile(size) {
    const port = await freePort();
    const driver = spawn(this.#program, [`--port=${port}`], { env: this.#environment, stdio: "ignore" });
    const url = `http://127.0.0.1:${port}`;
    const end = Date.now() + PATIENCE;
    while (!(await fetch(`${url}/status`).catch(() => {}))?.ok) {
      if (driver.exitCode !== null) throw new Error(`${this.#program} ended with ${driver.exitCode}`);
      if (Date.now() > end) throw new Error(`${this.#program} does not listen`);
      await pause(POLL_MS);
    }
    const session = await new Builder().usingServer(url).withCapabilities({ browserName: "MiniBrowser" }).build();
    const capabilities = await session.getCapabilities();
    return new Profile(driver, session, capabilities.getBrowserVersion(), size);
  }

  async close() {
    this.#screen.kill();
    await once(this.#screen, "exit");
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
    this.#process.kill();
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, "exit");
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

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
