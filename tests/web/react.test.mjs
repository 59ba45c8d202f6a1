// Tests of the React hooks in a browser, with React and `useChat` of the Vercel AI SDK.
//
// Variables besides those of `world.mjs`: CHROMIUM, the browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { launch, watch } from "./chromium.mjs";
import { agent, call, customer, log, model, newThread, PATIENCE, socketUrl, STANDIN, tools, url } from "./world.mjs";

const needsStandin = { skip: STANDIN ? false : "STANDIN names no stand-in" };
const PAGE = `<!doctype html><meta charset="utf-8"><title>React</title><div id="root"></div>
  <script type="module" src="/page.js"></script>`;

let server;
let browser;
let context;
let page;
let wrong;

/** The page and the hooks in one script; React in its mode for development, which mounts each component twice. */
async function bundle() {
  const web = new URL("../../web/", import.meta.url).pathname;
  const entry = (name) => [`@switchboard-chat/client/${name}`, `${web}${name}.js`];
  const { outputFiles } = await tools("esbuild").build({
    entryPoints: [new URL("react/page.jsx", import.meta.url).pathname],
    bundle: true,
    format: "esm",
    jsx: "automatic",
    write: false,
    alias: Object.fromEntries(["react", "ai-sdk"].map(entry)),
    nodePaths: [`${process.env.NODE_TOOLS}/node_modules`],
    define: { "process.env.NODE_ENV": '"development"' },
  });
  return outputFiles[0].text;
}

before(async () => {
  const script = await bundle();
  server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : PAGE);
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
  wrong = watch(page);
});

/** Begins to show a thread in a tab. */
async function begins(hook, threadId, tab = page) {
  tab.setDefaultTimeout(PATIENCE);
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  await tab.waitForFunction(() => window.ready);
  const where = { url, socketUrl, token: customer, threadId };
  await tab.evaluate(([hook, where]) => window.start(hook, where), [hook, where]);
}

/** Shows a thread in a tab, once it is loaded and heard. */
async function shows(hook, threadId, tab = page) {
  await begins(hook, threadId, tab);
  await tab.locator("#state", { hasText: /^(?!.*loading).*open/ }).waitFor();
  return threadId;
}

/** The bot's words before they are in the log. */
const words = (text, tab = page) => tab.locator("li:not([data-seq])", { hasText: text }).waitFor();
const line = (text, role, tab = page) => tab.locator(`li[data-role=${role}]`, { hasText: text }).first().waitFor();
const state = (text, tab = page) => tab.locator("#state", { hasText: text }).waitFor();
const lines = (tab = page) =>
  tab.locator("li").evaluateAll((all) => {
    return all.map(({ dataset, textContent }) => [Number(dataset.seq), dataset.role, textContent]);
  });
const asks = (text) => page.evaluate((text) => void window.chat.sendMessage({ text }), text);
const claims = (id) => call(agent, "POST", `/threads/${id}/claim`, {});
const says = (id, text) => call(agent, "POST", `/threads/${id}/chat`, { text });
const releases = (id) => call(agent, "POST", `/threads/${id}/release`, { to: "bot" });

/** The page ends with exactly the log, each message once. */
async function showsTheLog(id, tab = page) {
  const all = await log(id);
  const said = all.filter(({ role }) => role !== "system").map(({ seq, role, text }) => [seq, role, text]);
  await tab.waitForFunction((last) => {
    const rows = [...document.querySelectorAll("li")];
    return rows.length === last && rows.every(({ dataset }) => dataset.seq);
  }, said.length);
  assert.deepEqual(await lines(tab), said);
  assert.deepEqual(wrong, []);
}

const messages = () => page.evaluate(() => window.chat.messages);

test("useChat: the bot answers, a person takes over and is heard, the bot goes on", needsStandin, async () => {
  const id = await shows("AiSdk", await newThread());
  const held = await model.stops(4);
  await asks("Where is my order?");
  await words("This is");
  await state("streaming bot");
  await held.goesOn();
  await line("You said", "bot");
  await state("ready bot");

  await claims(id);
  await state("ready agent");
  await says(id, "Ana here.");
  await line("Ana here.", "agent");
  await asks("At last");
  await line("At last", "customer");
  await state("ready agent");
  await says(id, "It is on the van.");
  await line("It is on the van.", "agent");

  await releases(id);
  await state("ready bot");
  await asks("When was it again?");
  await line("When was it again", "bot");
  await showsTheLog(id);
});

test("useChat: an agent who claims in mid-answer voids the words, and speaks", needsStandin, async () => {
  const id = await shows("AiSdk", await newThread());
  const held = await model.stops(4);
  await asks("Where is my order?");
  await words("This is");
  await claims(id);
  await says(id, "Ana here.");
  await line("Ana here.", "agent");
  await held.goesOn();
  await showsTheLog(id);
});

test("useChat: after a reload in mid-answer the answer arrives", needsStandin, async () => {
  const id = await newThread();
  await shows("AiSdk", id);
  const held = await model.stops(4);
  await asks("Where is my order?");
  await words("This is");
  await shows("AiSdk", id);
  await line("Where is my order?", "customer");
  // The stream is taken up again.
  await state("submitted bot");
  await held.goesOn();
  await line("You said", "bot");
  await showsTheLog(id);
});

test("useChat: a question that is asked while the page loads is one request", needsStandin, async () => {
  const id = await newThread();
  const taken = [];
  page.on("request", (request) => request.url().endsWith(`/chat/${id}/stream`) && taken.push(request.url()));
  const held = await model.stops(4);
  let load;
  const mayLoad = new Promise((resolve) => (load = resolve));
  await page.route(/\/messages\?limit=/, async (route) => (await mayLoad, route.continue()));
  // React runs a component's effects some time after it is shown; only then is the thread followed.
  const follows = page.waitForRequest((request) => request.url().endsWith(`/threads/${id}`));
  await begins("AiSdk", id);
  await follows;
  await asks("Where is my order?");
  await words("This is");
  load();
  await state(/^(?!.*loading).*open/);
  await held.goesOn();
  await line("You said", "bot");
  await state("ready bot");
  await showsTheLog(id);
  assert.deepEqual(taken, []);
});

test("useChat: after stop() the next message gets its answer", needsStandin, async () => {
  const id = await shows("AiSdk", await newThread());
  const held = await model.stops(4);
  await asks("Where is my order?");
  await words("This is");
  await page.evaluate(() => window.chat.stop());
  await state("ready");
  await asks("And the other one?");
  await line("And the other one?", "customer");
  await held.goesOn();
  await line("And the other one?", "bot");
  await showsTheLog(id);
});

test("useChat: a regenerated answer is the answer, and what followed stays", needsStandin, async () => {
  const id = await shows("AiSdk", await newThread());
  await asks("Where is my order?");
  await line("You said", "bot");
  await says(id, "Ana here.");
  await line("Ana here.", "agent");
  await releases(id);
  await state("ready bot");
  const { id: first } = (await messages()).find(({ role }) => role === "assistant");
  const chats = page.waitForResponse((response) => response.url().endsWith("/chat"));
  await page.evaluate((messageId) => void window.chat.regenerate({ messageId }), first);
  assert.equal((await chats).status(), 200);
  await state("ready");
  await showsTheLog(id);
});

test("useChat: an edited message is a new one, and gets its own answer", needsStandin, async () => {
  const id = await shows("AiSdk", await newThread());
  await asks("Where is my order?");
  await line("You said", "bot");
  await state("ready");
  const { id: messageId } = (await messages()).find(({ role }) => role === "user");
  await page.evaluate((messageId) => void window.chat.sendMessage({ text: "And my van?", messageId }), messageId);
  await line("And my van?", "bot");
  await showsTheLog(id);
});

test("useChat: two tabs of a customer show the same, also the words of an answer", needsStandin, async () => {
  const id = await shows("AiSdk", await newThread());
  const other = await context.newPage();
  await shows("AiSdk", id, other);
  const held = await model.stops(4);
  await asks("Where is my order?");
  await line("Where is my order?", "customer", other);
  await words("This is", other);
  await held.goesOn();
  await line("You said", "bot", other);
  await showsTheLog(id);
  await showsTheLog(id, other);
});

test("useChat: what happened before the page is there, page by page", async () => {
  const id = await newThread();
  for (let at = 1; at <= 54; at++) await says(id, `Line ${at}.`);
  await shows("AiSdk", id);
  await state("earlier");
  assert.equal((await lines()).length, 50);
  await page.evaluate(() => window.chat.loadEarlier());
  await showsTheLog(id);
  assert.equal(await page.locator("#state", { hasText: "earlier" }).count(), 0);
});

test("useChat: only the last message of the user is sent", needsStandin, async () => {
  const id = await shows("AiSdk", await newThread());
  await asks("Where is my order?");
  await line("You said", "bot");
  await state("ready");
  const request = page.waitForRequest((request) => request.url().endsWith("/chat") && request.method() === "POST");
  await asks("And now?");
  const { messages } = (await request).postDataJSON();
  assert.deepEqual(messages.map(({ parts }) => parts[0].text), ["And now?"]);
  await line("And now?", "bot");
  await showsTheLog(id);
});

test("useSwitchboard: sends, shows words as they come, who types and who holds the line", needsStandin, async () => {
  const id = await shows("Wire", await newThread());
  const held = await model.stops(4);
  await page.evaluate(() => void window.chat.send("Where is my order?"));
  await words("This is");
  await held.goesOn();
  await line("You said", "bot");
  await says(id, "Ana here.");
  await line("Ana here.", "agent");
  await state("agent");
  await showsTheLog(id);
});

test("useSwitchboard: a component that goes takes its socket with it, but not what it was sending", async () => {
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket));
  const id = await shows("Wire", await newThread());
  const [socket] = sockets;
  assert.equal(sockets.length, 1);
  const gone = socket.waitForEvent("close");
  await page.evaluate(() => {
    window.chat.send("Hello?");
    window.end();
  });
  await gone;
  assert.equal((await log(id))[0].text, "Hello?");
  assert.deepEqual(wrong, []);
});

test("useSwitchboard: a thread that is not the customer's is an error", async () => {
  await begins("Wire", "thr_01JD0000000000000000000000");
  await page.locator("#error", { hasText: "not_found" }).waitFor();
});
