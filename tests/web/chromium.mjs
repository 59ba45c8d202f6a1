// The browser that these scripts drive, and the checks of each page in it.
//
//     CHROMIUM       the browser
//     SCREENSHOTS    the folder for screenshots; none are taken without it

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";

import { tools } from "./world.mjs";

const { chromium } = tools("playwright-core");
const AXE = await readFile(tools.resolve("axe-core/axe.min.js"), "utf8");
const { CHROMIUM, SCREENSHOTS } = process.env;
/** Chromium's options: as root, without a screen, and without requests of its own. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** The origins that a page may request. */
const HOME = /^(data:|blob:|http:\/\/127\.0\.0\.1:)/;

export const launch = () => chromium.launch({ executablePath: CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** Console messages about a lost network and refused requests, which are expected. */
const EXPECTED = /net::ERR_|status of [45]\d\d|WebSocket connection/;

/** Collects a page's errors: requests to other origins, dialogs and failures. */
export function watch(page) {
  const wrong = [];
  page.on("dialog", (dialog) => (wrong.push(`a dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("pageerror", (error) => wrong.push(String(error.stack)));
  page.on("request", (request) => HOME.test(request.url()) || wrong.push(`asked for ${request.url()}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) wrong.push(message.text());
  });
  return wrong;
}

/** Fails if axe finds an accessibility violation in the page. */
export async function accessible(page, state = "") {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run({ rules: { "target-size": { enabled: true } } }));
  const told = (id) => (node) => [state, id, `${node.target}`, node.failureSummary];
  const found = violations.flatMap(({ id, nodes }) => nodes.map(told(id)));
  assert.deepEqual(found, []);
}

export async function picture(page, name) {
  if (!SCREENSHOTS) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
}
