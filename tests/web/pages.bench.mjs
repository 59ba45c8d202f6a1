// The script of `cargo xtask bench pages`: the time to the demo page's first paint, and the frames of scrolling a long thread.
//
// Variables besides those of `world.mjs`: CHROMIUM, the browser; MESSAGES, the length of the long thread; LOADS, the number of
// loads, each by a browser with an empty cache.

import { agent, call, newThread, PATIENCE, tools, url } from "./world.mjs";

const { CHROMIUM, MESSAGES = "5000", LOADS = "20" } = process.env;
const { chromium } = tools("playwright-core");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
/** The limit of a first paint that people see as instant, in milliseconds. */
const AT_ONCE = 100;
/** The duration of a frame that people see as a hang, in milliseconds. */
const HANGS = 50;
const AT_A_TIME = 8;

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
await paint();
await scroll();
await browser.close();

async function paint() {
  const loads = [];
  for (let load = 0; load < Number(LOADS); load++) loads.push(await loaded());
  console.log(`demo page, ${LOADS} loads without a cache, in ms (at most ${AT_ONCE}):`);
  line("first paint after the page and its styles had come", loads.map((load) => load.painted - load.styled));
  line("the launcher drawn after the widget's files had come", loads.map((load) => load.drawn - load.scripted));
  line("all of it, from the click on", loads.map((load) => Math.max(load.painted, load.drawn)));
}

/** The times of loading and painting, in milliseconds of the page's own clock. */
async function loaded() {
  const context = await browser.newContext({ viewport: { width: 1180, height: 800 } });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const look = () => {
      const launcher = document.querySelector("switchboard-chat")?.shadowRoot?.querySelector("#launcher");
      if (launcher?.offsetWidth) window.drawn = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await page.goto(url);
  await page.waitForFunction(() => window.drawn && performance.getEntriesByName("first-contentful-paint").length);
  const times = await page.evaluate(() => {
    const files = performance.getEntriesByType("resource").filter((file) => file.responseEnd <= window.drawn);
    const [document] = performance.getEntriesByType("navigation");
    const last = (ending) =>
      Math.max(document.responseEnd, ...files.filter(({ name }) => name.endsWith(ending)).map((file) => file.responseEnd));
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return { styled: last(".css"), scripted: last(".js"), painted: paint.startTime, drawn: window.drawn };
  });
  await context.close();
  return times;
}

/** Scrolls from the newest message to the first one with the mouse wheel. */
async function scroll() {
  const thread = await newThread();
  await call(agent, "POST", `/threads/${thread}/claim`, {});
  const say = (n) => call(agent, "POST", `/threads/${thread}/chat`, { text: `${n}. ${"Word after word. ".repeat(1 + (n % 9))}` });
  for (let said = 0; said < Number(MESSAGES); said += AT_A_TIME) {
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, MESSAGES - said) }, (_, n) => say(said + n + 1)));
  }
  const page = await browser.newPage({ viewport: { width: 1360, height: 860 } });
  page.setDefaultTimeout(6 * PATIENCE);
  await page.goto(`${url}/console#token=${agent}`);
  await page.locator(".console").waitFor();
  await page.evaluate((id) => (location.hash = id), thread);
  const log = page.locator(".thread [role=log]");
  await log.locator(".bubble").first().waitFor();
  await log.hover();
  const begun = await page.evaluate(() => {
    window.frames_ = [];
    window.nodes_ = 0;
    let before = performance.now();
    const frame = (now) => {
      window.frames_.push(now - before);
      before = now;
      window.nodes_ = Math.max(window.nodes_, document.querySelectorAll(".thread .bubble").length);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    return document.querySelector(".thread [role=log]").scrollTop;
  });
  for (let top = begun; top > 0; ) {
    for (let turn = 0; turn < 20; turn++) await page.mouse.wheel(0, -600);
    top = await log.evaluate((node) => node.scrollTop);
  }
  const { frames, nodes } = await page.evaluate(() => ({ frames: window.frames_, nodes: window.nodes_ }));
  const hung = frames.filter((frame) => frame > HANGS).length;
  console.log(`a thread of ${MESSAGES} messages, scrolled from its end to its beginning in the console:`);
  line("a frame", frames);
  console.log(`  frames of more than ${HANGS} ms: ${hung} of ${frames.length}; messages in the page at once: at most ${nodes}`);
}

function line(what, all) {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (share) => sorted[Math.ceil(share * sorted.length) - 1].toFixed(1).padStart(7);
  console.log(`  ${what.padEnd(56)} p50 ${at(0.5)}   p95 ${at(0.95)}   worst ${at(1)}`);
}
