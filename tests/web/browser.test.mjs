// Tests of web/switchboard.js in a browser whose network goes away and comes back.
//
// Variables besides those of `world.mjs`: CHROMIUM, the browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { launch } from "./chromium.mjs";
import { agent, call, customer, log, model, newThread, PATIENCE, socketUrl, STANDIN, url } from "./world.mjs";

const needsStandin = { skip: STANDIN ? false : "STANDIN names no stand-in" };

/** A page that hears a thread, and remembers. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>Switchboard</title><script type="module">
  import { Switchboard } from "/switchboard.js";

  window.events = [];
  window.listen = async (options, id) => {
    class Refused {
      constructor() {
        setTimeout(() => this.onclose());
      }
      close() {}
    }
    const blocked = options.blocked ? { WebSocket: Refused } : {};
    window.board = new Switchboard({ ...options, ...blocked });
    window.thread = board.thread(id);
    for await (const event of thread) events.push(event);
  };
  window.ready = true;
</script>`;

let server;
let browser;
let context;
let page;

before(async () => {
  const client = await readFile(new URL("../../web/switchboard.js", import.meta.url));
  server = createServer((request, response) => {
    const isClient = request.url === "/switchboard.js";
    response.setHeader("Content-Type", isClient ? "text/javascript" : "text/html");
    response.end(isClient ? client : PAGE);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

beforeEach(async () => {
  await context?.close();
  context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => window.ready);
});

/** The customer, in the page, on a new thread. */
async function listens(options = {}) {
  const id = await newThread();
  const all = { url, socketUrl, token: customer, pollEvery: 50, backOff: 50, ...options };
  await page.evaluate(([all, id]) => void window.listen(all, id), [all, id]);
  return id;
}

const heard = (type) => page.evaluate((type) => window.events.filter((event) => event.type === type), type);
const has = (type) => page.waitForFunction((type) => window.events.some((event) => event.type === type), type);
const hasSeq = (seq) => page.waitForFunction((seq) => window.thread.seq >= seq, seq);
const isState = (state, times = 1) => {
  const isNow = ([state, times]) => window.events.filter((event) => event.state === state).length >= times;
  return page.waitForFunction(isNow, [state, times]);
};
const messages = async () => (await heard("message.created")).map(({ message }) => message);

/** Says it, without waiting for what comes of it: that is in `window.sent`. */
const send = (text) => page.evaluate((text) => void (window.sent = window.thread.send(text)), text);
const sent = () => page.evaluate(() => window.sent);

test("a turn goes on where the network was cut, and shows each message once", needsStandin, async () => {
  const id = await listens();
  await isState("open");
  const held = await model.stops(4);
  await send("Where is my order?");
  await has("message.delta");
  await context.setOffline(true);
  await page.waitForFunction(() => !navigator.onLine);
  await held.goesOn();
  await call(agent, "POST", `/threads/${id}/chat`, { text: "Ana here." });
  await context.setOffline(false);
  await isState("open", 2);
  const { message, reply } = await sent();
  const whole = await log(id);
  await hasSeq(whole.length);
  assert.deepEqual(await messages(), whole);
  assert.deepEqual([whole[0], reply?.id ?? null], [message, whole.find(({ role }) => role === "bot")?.id ?? null]);
});

test("what is said without a network is sent once there is one", async () => {
  const id = await listens();
  await isState("open");
  await context.setOffline(true);
  await page.waitForFunction(() => !navigator.onLine);
  await send("Hello?");
  await context.setOffline(false);
  await sent();
  await hasSeq(2);
  assert.deepEqual(await messages(), await log(id));
});

test("where sockets are blocked the answer is heard word by word all the same", needsStandin, async () => {
  const id = await listens({ blocked: true });
  await isState("polling");
  const held = await model.stops(4);
  await send("Where is my order?");
  await has("message.delta");
  await held.goesOn();
  const { reply } = await sent();
  assert.equal((await heard("message.delta")).map(({ text }) => text).join(""), reply.text);
  await call(agent, "POST", `/threads/${id}/chat`, { text: "Ana here." });
  await hasSeq(4);
  assert.deepEqual(await messages(), await log(id));
});

test("a page that is looked at again makes sure of its socket", async () => {
  const socket = page.waitForEvent("websocket");
  await listens();
  await isState("open");
  const ping = (await socket).waitForEvent("framesent", ({ payload }) => JSON.parse(payload).action === "ping");
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await ping;
});

test("a page that closes its board keeps no socket", async () => {
  const socket = page.waitForEvent("websocket");
  await listens();
  await isState("open");
  const gone = (await socket).waitForEvent("close");
  await page.evaluate(() => window.board.close());
  await gone;
  assert.deepEqual((await heard("connection")).map(({ state }) => state), ["connecting", "open", "closed"]);
});
