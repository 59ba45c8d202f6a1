// Tests of the widget in a browser, against a running Switchboard that serves the pages too.
//
// `world.mjs` and `chromium.mjs` list the environment variables.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test as facts } from "node:test";

import { launch } from "./chromium.mjs";
import { open, TENANT, visit as visitBy } from "./visitor.mjs";
import { player, wire } from "./wires.mjs";
import { admin, agent, call, CITED, customer, model, socketUrl, url, WebSocket } from "./world.mjs";

const GREETING = "Hello! What can I do for you?";
const LONGEST = 32_000;
const MAX_FUNCTION_LINES = 70;

/** A test with a time limit: one that hangs fails. */
const test = (fact, proof, how = {}) => facts(fact, { timeout: 90_000, ...how }, proof);
const needsCited = { skip: CITED ? false : "CITED names no thread" };

let browser;
let chatbot;
let visitor;
before(async () => {
  const robin = { name: "Robin", model: "gpt-5-mini", instructions: "Be brief.", greeting: GREETING, public: true };
  chatbot = (await call(admin, "POST", "/chatbots", robin)).id;
  visitor = await call("", "POST", "/visitors", { tenant: TENANT, chatbot_id: chatbot });
  browser = await launch();
});
after(() => browser.close());

/** Opens the page in a new browser context. The visitor is a returning one, with a token, unless they are `fresh`. */
async function visit(t, { fresh, ...how } = {}) {
  const chat = await visitBy(browser, { chatbot, kept: fresh ? {} : visitor, ...how });
  t.after(() => chat.context.close());
  return chat;
}

/** Connects an agent who listens to a thread. */
async function listens(thread) {
  const socket = new WebSocket(socketUrl, ["switchboard.v1", `bearer.${agent}`]);
  await new Promise((opened) => socket.on("open", opened));
  const heard = [];
  let wake;
  socket.on("message", (data) => (heard.push(JSON.parse(data)), wake?.()));
  const say = (frame) => socket.send(JSON.stringify({ thread_id: thread, ...frame }));
  say({ action: "subscribe", after: 0 });
  const hears = async (matches) => {
    while (!heard.some(matches)) await new Promise((woken) => (wake = woken));
    return heard.findLast(matches);
  };
  await hears(({ type }) => type === "subscribed");
  return { say, hears, close: () => socket.close() };
}

test("nothing is asked for before the chat is opened, and no thread is made by opening it", async (t) => {
  const asked = [];
  const chat = await visit(t, { fresh: true });
  chat.page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await chat.shot("closed");
  await chat.opens();
  await chat.part("now").getByText("Hello! What can I do for you?").waitFor();
  await chat.shot("greeting");
  assert.deepEqual(asked.filter((one) => !one.startsWith("OPTIONS")), ["GET /config.json", "POST /visitors"]);
  await chat.says("Hello");
  await chat.shows("You said");
  assert.deepEqual((await chat.log()).map(({ role }) => role), ["bot", "customer", "bot"]);
  await chat.fine();
});

test("up to the first message a page loads the widget's files and the client, and no others", async (t) => {
  const chat = await (await visit(t, { fresh: true, shop: script("") })).opens();
  await chat.says("Hello");
  await chat.shows("Hello", "customer");
  const loaded = await chat.page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  const names = loaded.map((name) => new URL(name).pathname.slice(1)).filter((name) => name.endsWith(".js"));
  const expected = (await scripts()).filter((name) => /^(widget\.|switchboard\.js$)/.test(name));
  assert.deepEqual(names.sort(), expected.sort());
});

test("no function of the pages has more than 70 lines", async (t) => {
  const page = await browser.newPage();
  t.after(() => page.close());
  await page.goto(`${url}/demo.css`);
  // A browser loads no module that imports a package by its name.
  await page.route(/\/(react|ai-sdk)\.js$/, async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace(/^import .* from "(?!\.).*";$/gm, "");
    await route.fulfill({ response, body });
  });
  await page.coverage.startJSCoverage();
  const names = await scripts();
  // A script that fails outside its own page is compiled all the same, and the coverage has all of its functions.
  await page.evaluate((all) => Promise.all(all.map((name) => import(`/${name}`).catch(() => {}))), names);
  const covered = await page.coverage.stopJSCoverage();
  assert.deepEqual(covered.map((script) => new URL(script.url).pathname.slice(1)).sort(), names.sort());
  const long = covered.flatMap(({ url, source, functions }) =>
    functions.flatMap(({ functionName, ranges: [{ startOffset, endOffset }] }) => {
      const lines = source.slice(startOffset, endOffset).split("\n").length;
      const isWhole = endOffset - startOffset === source.length;
      return isWhole || lines <= MAX_FUNCTION_LINES ? [] : [[url, functionName, lines]];
    }),
  );
  assert.deepEqual(long, []);
});

test("an answer is shown as it comes, and ends up as the log has it", async (t) => {
  const chat = await (await visit(t)).opens();
  const answer = await model.stops(6);
  await chat.says("Where is my order?");
  await answer.begun();
  const streamed = chat.part("now").locator(".bot > div").last();
  await streamed.getByText("stand-in").waitFor();
  assert.match(await streamed.textContent(), /^This is OpenAI's/);
  assert.doesNotMatch(await streamed.textContent(), /You said/);
  await chat.shot("streaming");
  await answer.goesOn();
  await chat.shows("You said");
  assert.deepEqual(await chat.said(), (await chat.log()).map(({ text }) => text));
  assert.equal(await chat.part("now").locator(".message").count(), 0);
  await chat.shot("answered");
});

test("what the bot says before its answer stands where it types, and a second try is shown", async (t) => {
  let play;
  let thread;
  const before = async (context) => (play = await player(context, () => thread));
  const chat = await (await visit(t, { before })).opens();
  await chat.says("Hello");
  await chat.shows("You said");
  thread = await chat.thread();
  const answer = await model.stops(0);
  await chat.says("Where is my order?");
  await answer.begun();
  const types = chat.part("typing").getByText("is typing");
  const progress = chat.part("progress");
  const bubble = chat.part("now").locator(".bot > div");
  const run_id = "run_01JD0000000000000000000000";
  await types.waitFor();
  play({ type: "message.progress", run_id, text: "Looking up your order" });
  await progress.getByText("Looking up your order").waitFor();
  await types.waitFor({ state: "hidden" });
  await chat.shot("progress");
  await chat.accessible();
  play({ type: "message.progress", run_id, text: "Asking the carrier" });
  await progress.getByText(/^Asking the carrier$/).waitFor();
  play({ type: "message.delta", run_id, index: 0, text: "Let me see." });
  await bubble.getByText("Let me see.").waitFor();
  assert.equal(await progress.textContent(), "");
  // The words were no answer.
  play({ type: "message.progress", run_id, text: "Let me see." });
  play({ type: "message.delta", run_id, index: 0, text: "" });
  await progress.getByText("Let me see.").waitFor();
  assert.equal(await bubble.count(), 0);
  play({ type: "message.delta", run_id, index: 0, text: "It is on the van" });
  await bubble.getByText("It is on the van").waitFor();
  play({ type: "message.delta", run_id, index: 0, text: "It is" });
  await bubble.getByText(/^It is$/).waitFor();
  play({ type: "message.discarded", run_id, reason: "the model is asked again" });
  await types.waitFor();
  assert.equal(await bubble.count(), 0);
  play({ type: "message.delta", run_id, index: 0, text: "It is lost" });
  await bubble.getByText("It is lost").waitFor();
  play({ type: "message.delta", run_id, index: 0, text: "" });
  await types.waitFor();
  await answer.goesOn();
  await chat.shows("Where is my order?");
  await types.waitFor({ state: "hidden" });
  assert.equal(await bubble.count(), 0);
  await chat.fine();
});

test("who takes over ends what the bot said before its answer", async (t) => {
  let play;
  let thread;
  const before = async (context) => (play = await player(context, () => thread));
  const chat = await (await visit(t, { before })).opens();
  const answer = await model.stops(0);
  await chat.says("Where is my order?");
  await answer.begun();
  thread = await chat.thread();
  await chat.part("typing").getByText("is typing").waitFor();
  play({ type: "message.progress", run_id: "run_01JD0000000000000000000000", text: "Looking up your order" });
  await chat.part("progress").getByText("Looking up your order").waitFor();
  await call(agent, "POST", `/threads/${thread}/claim`, {});
  await chat.part("progress").waitFor({ state: "hidden" });
  const late = await model.stops(0);
  await call(agent, "POST", `/threads/${thread}/release`, { to: "bot" });
  await late.begun();
  await chat.part("typing").getByText("is typing").waitFor();
  assert.equal(await chat.part("progress").textContent(), "");
  await Promise.all([answer, late].map((held) => held.goesOn()));
  await chat.shows("You said");
});

test("words with which the bot hands over stay", async (t) => {
  let play;
  let thread;
  const before = async (context) => (play = await player(context, () => thread));
  const chat = await (await visit(t, { before })).opens();
  const answer = await model.stops(0);
  await chat.says("A person, please");
  await answer.begun();
  thread = await chat.thread();
  const [, { seq }] = await chat.log();
  const words = "I will get a colleague for you.";
  play({ type: "message.delta", run_id: "run_01JD0000000000000000000000", index: 0, text: words });
  await chat.part("now").locator(".bot > div").getByText(words).waitFor();
  const bot = { id: chatbot, name: "Robin" };
  const logged = { thread_id: thread, author: bot, at: new Date().toISOString() };
  const played = [
    { ...logged, id: "msg_1", role: "bot", text: words },
    { ...logged, id: "msg_2", role: "system", text: "", event: { type: "escalated", reason: "bot" } },
  ];
  played.forEach((message, index) => {
    const place = seq + 1 + index;
    play({ type: "message.created", seq: place, message: { ...message, seq: place } });
  });
  await chat.part("waiting").waitFor();
  const said = ["Hello! What can I do for you?", "A person, please", words, "A person was asked to take over"];
  assert.deepEqual(await chat.said(), said);
  assert.equal(await chat.part("now").locator(".message").count(), 0);
  await answer.goesOn();
});

const FOOTNOTES = {
  en: ["The answer was cut off here.", "Sources: \u2068prices.md\u2069, \u2068hours.md\u2069"],
  ar: ["انقطعت الإجابة هنا.", "المصادر: \u2068prices.md\u2069, \u2068hours.md\u2069"],
};
for (const [lang, footnotes] of Object.entries(FOOTNOTES)) {
  const shows = async (t) => {
    const shop = script(`data-open data-lang="${lang}" data-token="${customer}"`);
    const chat = await visit(t, { kept: { thread: CITED }, shop, context: { viewport: { width: 480, height: 640 } } });
    const answer = await chat.shows("we are open from");
    await answer.locator(".footnote").nth(1).waitFor();
    assert.deepEqual(await answer.locator(".footnote").allTextContents(), footnotes);
    assert.equal(await chat.page.locator("switchboard-chat .footnote").count(), 2);
    await chat.shot(`footnotes-${lang}`);
    await chat.fine();
    await chat.accessible();
  };
  test(`under an answer stands that it was cut, and what it cites, in ${lang}`, shows, needsCited);
}

test("where the lines under an answer cannot be loaded, the answer is shown", async (t) => {
  const before = (context) => context.route("**/footnotes.js", (route) => route.abort());
  const shop = script(`data-open data-token="${customer}"`);
  const chat = await visit(t, { kept: { thread: CITED }, shop, before });
  await chat.shows("we are open from");
  assert.equal(await chat.page.locator("switchboard-chat .footnote").count(), 0);
  await chat.fine();
}, needsCited);

test("a model's markdown is shown as what it means", async (t) => {
  const chat = await (await visit(t)).opens();
  await model.says(MARKDOWN);
  await chat.says("Tell me all about it");
  const message = await chat.shows("Where it is");
  const found = (what) => message.locator(what).allTextContents();
  assert.deepEqual(await found("h3"), ["Where it is"]);
  assert.deepEqual(await found("strong"), ["Friday"]);
  assert.deepEqual(await found("em"), ["probably"]);
  assert.deepEqual(await found("s"), ["Thursday"]);
  assert.deepEqual(await found("ol > li > ul > li"), ["with a rope", "or two"]);
  assert.deepEqual(await found("blockquote"), ["It will ring."]);
  assert.deepEqual(await found("pre code"), ["fn drop(self) {}"]);
  assert.deepEqual(await found("td"), ["Canyon", "180 kg"]);
  const anchors = message.locator("a");
  const links = await anchors.evaluateAll((all) => all.map((a) => [a.textContent, a.href, a.target, a.rel]));
  const safe = ["_blank", "noopener noreferrer nofollow"];
  const [map, help] = ["https://shop.example/map_(new)", "https://shop.example/help"];
  assert.deepEqual(links, [["the map", map, ...safe], [help, help, ...safe]]);
  await chat.fine();
  await chat.shot("markdown");
  await chat.accessible();
});

test("a reload finds the conversation again", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.says("Remember me");
  await chat.shows("You said");
  const said = await chat.said();
  const thread = await chat.thread();
  await chat.page.reload();
  await chat.opens();
  await chat.shows("You said");
  assert.deepEqual(await chat.said(), said);
  await chat.says("And now?");
  await chat.shows("And now?");
  assert.equal(await chat.thread(), thread);
});

test("of a long conversation the newest page is shown, and what was before where it is asked for", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.says("The very first");
  await chat.shows("You said");
  const thread = await chat.thread();
  for (let n = 1; n <= 120; n++) await call(agent, "POST", `/threads/${thread}/chat`, { text: `Word ${n}` });
  await chat.shows("Word 120", "agent");
  await chat.page.reload();
  await chat.opens();
  await chat.shows("Word 120", "agent");
  assert.equal((await chat.said()).length, 50);
  assert.equal(await chat.part("title").textContent(), "ana");
  // These messages were there before, so screen readers must not announce them.
  assert.equal(await chat.part("fresh").locator("*").count(), 0);
  const earlier = chat.button("Earlier messages");
  const above = chat.page.locator("switchboard-chat #past .agent", { hasText: "Word 73" });
  await chat.still("panel");
  await earlier.focus();
  const { y } = await above.boundingBox();
  await earlier.press("Enter");
  await chat.page.waitForFunction(() => {
    const { shadowRoot } = document.querySelector("switchboard-chat");
    return shadowRoot.querySelectorAll("#past > *").length === 100;
  });
  assert.ok(Math.abs((await above.boundingBox()).y - y) < 2);
  await chat.shot("earlier");
  await chat.accessible();
  await earlier.press("Enter");
  await earlier.waitFor({ state: "hidden" });
  const whole = [];
  for (let page; page?.next_cursor !== null; whole.push(...page.data)) {
    page = await call(agent, "GET", `/threads/${thread}/messages?after=${whole.length}&limit=100`);
  }
  const words = ({ text, event }) => (event ? `\u2068${event.agent.name ?? event.agent.id}\u2069 took over` : text);
  assert.deepEqual(await chat.said(), whole.map(words));
  await chat.page.reload();
  await chat.opens();
  await chat.shows("Word 120", "agent");
  await chat.button("More").click();
  const download = await chat.downloads();
  const transcript = await readFile(await download.path(), "utf8");
  assert.match(transcript, /You: The very first\n[^]*ana: Word 1\n[^]*ana: Word 120\n/);
});

test("words that were not sent, and those not yet said, are there after a reload", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.part("field").fill("My first words");
  await chat.page.reload();
  await chat.opens();
  assert.equal(await chat.part("field").inputValue(), "My first words");
  await chat.says("Hello");
  await chat.shows("You said");
  await chat.page.route("**/chat", () => {}, { times: 1 });
  await chat.says("Did this arrive?");
  await chat.part("unsent").getByText("Sending…").waitFor({ state: "attached" });
  await chat.part("field").fill("I was about to");
  await chat.page.reload();
  await chat.opens();
  await chat.part("unsent").getByText("Not sent").waitFor();
  assert.equal(await chat.part("field").inputValue(), "I was about to");
  await chat.button("Try again").click();
  await chat.shows("Did this arrive?");
  assert.equal(await chat.part("unsent").locator(".message").count(), 0);
  assert.equal((await chat.log()).filter(({ text }) => text === "Did this arrive?").length, 1);
  await chat.page.reload();
  await chat.opens();
  await chat.shows("Did this arrive?");
  assert.equal(await chat.part("unsent").locator(".message").count(), 0);
});

test("a bot that cannot answer says that it is sorry", async (t) => {
  const chat = await (await visit(t)).opens();
  await model.fails();
  await chat.says("Are you well?");
  await chat.page.getByText("Sorry, I cannot answer right now. A person was asked to take over").waitFor();
  await chat.part("waiting").waitFor();
  await chat.shot("failure");
});

test("nothing moves for those who want it still, and bubbles are seen without our colours", async (t) => {
  const animations = () => document.querySelector("switchboard-chat").shadowRoot.getAnimations().length;
  const moving = (chat) => chat.page.evaluate(animations);
  const lively = await (await visit(t)).opens();
  assert.ok((await moving(lively)) > 0);
  const chat = await visit(t, { context: { reducedMotion: "reduce", forcedColors: "active" } });
  await chat.opens();
  assert.equal(await moving(chat), 0);
  await chat.says("Hello");
  const bubble = await chat.shows("You said");
  const edge = await bubble.locator("div").last().evaluate((one) => getComputedStyle(one).borderTopStyle);
  assert.equal(edge, "solid");
  await chat.shot("forced-colors");
});

test("two tabs show the same", async (t) => {
  const one = await (await visit(t)).opens();
  const other = await (await open(one.context)).opens();
  await one.says("From the one");
  await other.shows("From the one", "bot");
  await other.says("From the other");
  await one.shows("From the other", "bot");
  await other.shows("From the other", "bot");
  assert.equal(await one.thread(), await other.thread());
  assert.deepEqual(await one.said(), await other.said());
  await one.button("More").click();
  await one.button("End conversation").click();
  await other.button("New conversation").click();
  await one.part("now").getByText("Hello!").waitFor();
  assert.deepEqual(await one.said(), []);
});

test("a first message from each of two tabs makes one thread", async (t) => {
  const one = await (await visit(t)).opens();
  const other = await (await open(one.context)).opens();
  await Promise.all([one.says("I am first"), other.says("No, me")]);
  for (const tab of [one, other]) {
    await tab.shows("I am first", "customer");
    await tab.shows("No, me", "customer");
  }
  assert.equal(await one.thread(), await other.thread());
});

test("an answer that the network cuts is there when it is back", async (t) => {
  const network = await wire(t);
  const chat = await (await visit(t, { network })).opens();
  await chat.says("Hello");
  await chat.shows("You said");
  const answer = await model.stops(6);
  await chat.says("Where is my order?");
  await answer.begun();
  await chat.part("now").getByText("This is OpenAI's").waitFor();
  network.cut();
  await chat.context.setOffline(true);
  await chat.part("notice").getByText("You are offline").waitFor();
  await chat.still("notice");
  await chat.shot("offline");
  await answer.goesOn();
  while ((await chat.log()).length < 5);
  assert.equal(await chat.part("now").locator(".bot > div").textContent(), "This is OpenAI's stand-in, not a");
  await chat.says("Still there?");
  await chat.part("unsent").getByText("Sending…").waitFor();
  network.mend();
  await chat.context.setOffline(false);
  await chat.shows("Still there?");
  assert.equal(await chat.part("unsent").locator(".message").count(), 0);
  const log = await chat.log();
  assert.deepEqual(await chat.said(), log.map(({ text }) => text));
  assert.deepEqual(log.map(({ role }) => role), ["bot", "customer", "bot", "customer", "bot", "customer", "bot"]);
  await chat.part("notice").waitFor({ state: "hidden" });
});

test("an answer that comes by two ways, and late by one of them, is shown once", async (t) => {
  const network = await wire(t);
  network.hold();
  const chat = await (await visit(t, { network })).opens();
  const asked = new Promise((come) => chat.page.route("**/chat", come, { times: 1 }));
  await chat.says("Where is my order?");
  const question = await asked;
  assert.equal(question.request().headers().accept, "text/event-stream");
  const ana = await listens(await chat.thread());
  t.after(ana.close);
  network.release();
  await ana.hears(({ present }) => present?.some(({ role }) => role === "customer"));
  network.hold();
  const answer = await model.stops(6);
  await question.continue();
  await ana.hears(({ type }) => type === "message.delta");
  await answer.goesOn();
  await chat.shows("You said");
  ana.say({ action: "typing", on: true });
  network.release();
  await chat.part("typing").getByText("ana").waitFor();
  assert.equal(await chat.part("now").locator(".message").count(), 0);
  assert.deepEqual(await chat.said(), (await chat.log()).map(({ text }) => text));
});

test("what did not get through is kept, and sent once when asked for again", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.says("Hello");
  await chat.shows("You said");
  const broken = { status: 500, json: { code: "internal", status: 500, detail: "" } };
  await chat.page.route("**/chat", (route) => route.fulfill(broken));
  await chat.says("Do not lose me");
  await chat.part("problem").getByText("That did not work").waitFor();
  await chat.part("unsent").getByText("Not sent").waitFor();
  assert.deepEqual(await chat.part("unsent").locator(".message > div").allTextContents(), ["Do not lose me"]);
  await chat.shot("unsent");
  await chat.accessible();
  await chat.page.unroute("**/chat");
  await chat.button("Try again").click();
  await chat.shows("Do not lose me");
  assert.equal((await chat.log()).filter(({ text }) => text === "Do not lose me").length, 1);
  assert.equal(await chat.part("problem").textContent(), "");
  await chat.page.route("**/chat", (route) => route.fulfill(broken));
  await chat.says("Never mind");
  await chat.button("Discard").press("Enter");
  assert.equal(await chat.focused(), "field");
  assert.equal(await chat.part("unsent").locator(".message").count(), 0);
});

test("where markdown cannot be read, a text keeps its lines", async (t) => {
  const chat = await visit(t);
  await chat.page.route("**/markdown.js", (route) => route.abort());
  await chat.opens();
  await model.says("One\n**two**");
  await chat.says("Count");
  const said = (await chat.shows("two")).locator("div").last();
  assert.equal(await said.textContent(), "One\n**two**");
  assert.equal(await said.evaluate((one) => getComputedStyle(one).whiteSpace), "pre-wrap");
});

test("a person takes over in mid-answer", async (t) => {
  const chat = await (await visit(t)).opens();
  const answer = await model.stops(6);
  await chat.says("Where is my order?");
  await answer.begun();
  await chat.part("now").getByText("This is OpenAI's").waitFor();
  const thread = await chat.thread();
  const ana = await listens(thread);
  t.after(ana.close);
  await call(agent, "POST", `/threads/${thread}/claim`, {});
  await chat.page.getByText("An unfinished answer was withdrawn").waitFor();
  assert.equal(await chat.part("now").locator(".message").count(), 0);
  ana.say({ action: "typing", on: true });
  await chat.part("typing").getByText("is typing").waitFor({ state: "attached" });
  await chat.shot("taken-over");
  await call(agent, "POST", `/threads/${thread}/chat`, { text: "Ana here. It left **this morning**." });
  await chat.shows("this morning", "agent");
  await chat.part("typing").waitFor({ state: "hidden" });
  assert.equal(await chat.part("title").textContent(), "ana");
  await ana.hears(({ type, who, seq }) => type === "read" && who.role === "customer" && seq >= 3);
  await chat.part("field").pressSequentially("Tha");
  await ana.hears(({ type, who, on }) => type === "typing" && who.role === "customer" && on);
  await chat.says("Thank you!");
  await chat.shows("Thank you!", "customer");
  await chat.shot("person");
  await answer.goesOn();
  await call(agent, "POST", `/threads/${thread}/release`, { to: "bot" });
  await chat.page.getByText("The assistant answers again").waitFor();
  await chat.shows("Thank you!");
  await chat.fine();
});

test("who asks for a person waits, may write on, and may end it and begin anew", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.button("Talk to a person").click();
  await chat.part("waiting").waitFor();
  await chat.says("It is urgent");
  await chat.shows("It is urgent", "customer");
  await chat.part("typing").waitFor({ state: "hidden" });
  await chat.shot("waiting");
  await chat.accessible();
  await chat.part("waiting").locator("button").press("Enter");
  await chat.button("New conversation").waitFor();
  assert.equal(await chat.part("field").isVisible(), false);
  assert.equal(await chat.focused(), "panel");
  await chat.shot("ended");
  await chat.accessible();
  const ended = await chat.thread();
  await chat.button("New conversation").press("Enter");
  await chat.part("now").getByText("Hello!").waitFor();
  assert.equal(await chat.focused(), "field");
  assert.equal(await chat.thread(), null);
  await chat.says("Once more");
  await chat.shows("Once more");
  assert.notEqual(await chat.thread(), ended);
});

test("the transcript is the log", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.says("Keep this");
  await chat.shows("You said");
  await chat.button("More").click();
  await chat.shot("menu");
  const download = await chat.downloads();
  const text = await readFile(await download.path(), "utf8");
  assert.match(download.suggestedFilename(), /\.txt$/);
  assert.match(text, /Robin: Hello! What can I do for you\?\n[^]*You: Keep this\n[^]*Robin: This is OpenAI's stand-in/);
});

test("hostile words from either side stay words", async (t) => {
  const chat = await (await visit(t, { context: { viewport: { width: 360, height: 700 } } })).opens();
  const long = HOSTILE.join("\n\n");
  const filled = (text) => text + "x".repeat(LONGEST - [...text].length);
  await model.says(long);
  await chat.says(long);
  await chat.shows("the end");
  await call(agent, "POST", `/threads/${await chat.thread()}/chat`, { text: filled(long) });
  await chat.shows("the end", "agent");
  await chat.says(filled("x "));
  await chat.page.waitForFunction((length) => {
    const { shadowRoot } = document.querySelector("switchboard-chat");
    return [...shadowRoot.querySelectorAll("#log .customer > div")].at(-1).textContent.length === length;
  }, LONGEST);
  const made = await chat.page.evaluate(() => {
    const { shadowRoot } = document.querySelector("switchboard-chat");
    const inside = [...shadowRoot.querySelectorAll("#log *")];
    const links = inside.filter((one) => one.href).map((one) => one.protocol);
    return { kinds: [...new Set(inside.map((one) => one.localName))], links: [...new Set(links)].sort() };
  });
  const harmless = "a bdi blockquote br code div em h3 hr li ol p pre s span strong table tbody td th thead time tr ul";
  assert.deepEqual(made.kinds.filter((kind) => !harmless.split(" ").includes(kind)), []);
  assert.deepEqual(made.links, ["https:", "mailto:"]);
  const [own] = await chat.page.locator("switchboard-chat #log .customer > div").allTextContents();
  assert.equal(own, long);
  await chat.fine();
  await chat.shot("hostile");
  await chat.page.locator("switchboard-chat #log .bot").last().evaluate((one) => one.scrollIntoView());
  await chat.shot("hostile-bot");
});

test("markdown takes time by its length, however it is meant", async (t) => {
  const { page } = await visit(t);
  const took = await page.evaluate(async ({ pieces, length }) => {
    const { markdown } = await import("/markdown.js");
    const deep = (node, level = 0) =>
      [...node.childNodes].reduce((most, child) => Math.max(most, deep(child, level + 1)), level);
    const slow = [];
    for (const piece of pieces) {
      const begun = performance.now();
      const made = markdown(piece.repeat(length / piece.length + 1).slice(0, length));
      const ms = performance.now() - begun;
      if (ms > 2000 || deep(made) > 60) slow.push([piece, ms, deep(made)]);
    }
    return slow;
  }, { pieces: TANGLED, length: LONGEST });
  assert.deepEqual(took, []);
});

test("the keyboard is enough", async (t) => {
  const chat = await visit(t);
  const { page } = chat;
  while ((await chat.focused()) !== "launcher") await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await chat.part("field").waitFor();
  assert.equal(await chat.focused(), "field");
  assert.equal(await chat.part("launcher").getAttribute("aria-expanded"), "true");
  await page.keyboard.type("Two lines:");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("one more");
  await page.keyboard.press("Enter");
  await chat.shows("one more");
  assert.equal((await chat.log())[1].text, "Two lines:\none more");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await chat.button("Download transcript").and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Escape");
  await chat.button("Download transcript").waitFor({ state: "hidden" });
  for (const key of ["Tab", "Shift+Tab"]) {
    const stops = new Set();
    for (let times = 0; times < 15; times++) {
      await page.keyboard.press(key);
      assert.ok(await chat.isInside(), key);
      stops.add(await chat.focused());
    }
    // The close button has no id.
    assert.deepEqual([...stops].sort(), ["", "ask", "field", "more", "scroll", "send"]);
  }
  await page.keyboard.press("Escape");
  await chat.part("panel").waitFor({ state: "hidden" });
  assert.equal(await chat.focused(), "launcher");
  assert.equal(await chat.part("launcher").getAttribute("aria-expanded"), "false");
});

test("on a phone the chat is all there is, and keeps the focus", async (t) => {
  const chat = await visit(t, { context: { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true } });
  await chat.part("launcher").tap();
  await chat.part("now").getByText("Hello!").waitFor();
  await chat.still("panel");
  assert.deepEqual(await chat.part("panel").boundingBox(), { x: 0, y: 0, width: 390, height: 780 });
  for (let times = 0; times < 12; times++) {
    await chat.page.keyboard.press("Tab");
    assert.ok(await chat.isInside());
  }
  await chat.says("On my way");
  await chat.shows("On my way");
  await chat.shot("phone");
  await chat.fine();
  await chat.accessible();
  await chat.page.setViewportSize({ width: 780, height: 700 });
  await chat.page.locator("switchboard-chat dialog:not(:modal)").waitFor();
  await chat.page.setViewportSize({ width: 390, height: 780 });
  await chat.page.locator("switchboard-chat dialog:modal").waitFor();
  await chat.page.keyboard.press("Escape");
  await chat.part("panel").waitFor({ state: "hidden" });
});

test("what comes while it is closed is counted", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.says("Hello");
  await chat.shows("You said");
  await chat.part("launcher").click();
  await call(agent, "POST", `/threads/${await chat.thread()}/chat`, { text: "One" });
  await call(agent, "POST", `/threads/${await chat.thread()}/chat`, { text: "Two" });
  await chat.part("badge").getByText("2").waitFor();
  assert.equal(await chat.part("launcher").getAttribute("aria-label"), "Open the chat, \u20682\u2069 unread");
  await chat.shot("unread");
  await chat.page.reload();
  await chat.part("badge").getByText("2").waitFor();
  await chat.accessible();
  await chat.part("launcher").click();
  await chat.part("badge").waitFor({ state: "hidden" });
  await chat.part("launcher").click();
  assert.equal(await chat.part("badge").textContent(), "");
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, closed and open, in the ${colorScheme}`, async (t) => {
    const chat = await visit(t, { context: { colorScheme } });
    await chat.accessible();
    await chat.opens();
    await chat.says("Hello");
    await chat.shows("You said");
    await chat.accessible();
    await chat.shot(colorScheme);
  });
}

test("on any accent there is something to read", async (t) => {
  const accents = ["#ffd60a", "#0a0a0a", "white", "hotpink", "#777"];
  const chat = await visit(t);
  await chat.opens();
  await chat.says("Hello");
  await chat.shows("You said");
  for (const accent of accents) {
    await chat.page.locator("switchboard-chat").evaluate((one, value) => one.setAttribute("accent", value), accent);
    await chat.accessible();
  }
});

const SPOKEN = {
  es: ["ltr", "Escribe un mensaje…", "¿Dónde está mi pedido?", "¡Tu pedido **llega mañana**!", "mañana"],
  ar: ["rtl", "اكتب رسالة…", "أين طلبي رقم 4711؟", "طلبك في الطريق، **يصل غدًا**. رقم التتبع: `AB-123`.", "غدًا"],
};
for (const [lang, [direction, write, asked, answer, tomorrow]] of Object.entries(SPOKEN)) {
  test(`it speaks ${lang}, from its side`, async (t) => {
    const chat = await visit(t, { context: { locale: lang }, shop: script(`data-lang="${lang}"`) });
    await chat.opens();
    assert.equal(await chat.part("field").getAttribute("placeholder"), write);
    assert.equal(await chat.part("section").evaluate((one) => getComputedStyle(one).direction), direction);
    const { x } = await chat.part("launcher").boundingBox();
    assert.equal(x < 590, direction === "rtl");
    await model.says(answer);
    await chat.says(asked);
    await chat.shows(tomorrow);
    await chat.shot(lang);
    await chat.fine();
    await chat.accessible();
  });
}

test("a script alone puts it into the page, in the words that the page gives it", async (t) => {
  const chat = await visit(t, { shop: script('data-theme="dark" data-open') });
  await chat.part("field").waitFor();
  await chat.page.locator("switchboard-chat").evaluate((one) => (one.texts = { write: "Ask the smith" }));
  await chat.page.getByPlaceholder("Ask the smith").waitFor();
  await chat.fine();
  await chat.accessible();
});

test("a visitor's token is renewed before it ends, and they stay who they are", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.says("It is me");
  await chat.shows("You said");
  const { token, visitor } = { token: await chat.kept("token"), visitor: await chat.kept("visitor") };
  await chat.keeps("expires_at", new Date(Date.now() + 600_000).toISOString());
  const [request] = await Promise.all([chat.page.waitForRequest("**/visitors"), chat.page.reload()]);
  assert.equal(request.headers().authorization, `Bearer ${token}`);
  await chat.opens();
  await chat.says("Still me");
  await chat.shows("Still me");
  assert.deepEqual(await chat.kept("visitor"), visitor);
  assert.equal((await chat.log()).length, 5);
});

test("a visitor whom nobody knows any more begins anew", async (t) => {
  const chat = await (await visit(t)).opens();
  await chat.says("Remember me");
  await chat.shows("You said");
  const visitor = await chat.kept("visitor");
  const token = await chat.kept("token");
  await chat.keeps("token", token.slice(0, -8) + "nonsense");
  await chat.page.reload();
  await chat.opens();
  await chat.part("now").getByText("Hello!").waitFor();
  await chat.says("Who are you?");
  await chat.shows("Who are you?");
  assert.notDeepEqual(await chat.kept("visitor"), visitor);
});

test("a page may bring its own user", async (t) => {
  const asked = [];
  const chat = await visit(t, { shop: script("") });
  chat.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await chat.page.locator("switchboard-chat").evaluate((one, token) => (one.token = async () => token), customer);
  await chat.opens();
  await chat.says("I have an account");
  await chat.shows("You said");
  assert.equal((await chat.log())[1].author.id, JSON.parse(atob(customer.split(".")[1])).sub);
  assert.ok(!asked.includes("/visitors"), asked.join(" "));
});

test("where no socket gets through, it goes on, and says that it is slow", async (t) => {
  const before = (context) => context.routeWebSocket(/ws$/, (socket) => socket.close());
  const chat = await (await visit(t, { before })).opens();
  await chat.says("Hello");
  await chat.shows("You said");
  await chat.part("notice").getByText("The connection is slow").waitFor();
  await call(agent, "POST", `/threads/${await chat.thread()}/chat`, { text: "I see you" });
  await chat.shows("I see you", "agent");
  await chat.says("Slowly");
  await chat.shows("Slowly", "customer");
  await chat.fine();
});

test("a page that is denied its storage has a chat all the same", async (t) => {
  const before = (context) =>
    context.addInitScript(() => {
      const denied = () => {
        throw new DOMException("denied", "SecurityError");
      };
      Object.defineProperty(window, "localStorage", { get: denied });
    });
  const chat = await (await visit(t, { before })).opens();
  await chat.says("Hello");
  await chat.shows("You said");
  await chat.says("Again");
  await chat.shows("Again");
  assert.equal((await chat.said()).length, 5);
  await chat.fine();
});

const REFUSALS = [
  [403, "forbidden", "not available"],
  [404, "not_found", "no longer exists"],
  [429, "over_budget", "Too many requests"],
];
for (const [status, code, words] of REFUSALS) {
  test(`a ${status} is told to everybody`, async (t) => {
    const chat = await visit(t, { fresh: true });
    const refusal = { status, headers: { "access-control-allow-origin": "*" }, json: { code, status, detail: "" } };
    await chat.page.route("**/visitors", (route) => route.fulfill(refusal));
    await chat.opens();
    await chat.part("problem").getByText(words).waitFor();
    assert.equal(await chat.part("problem").getAttribute("role"), "alert");
    await chat.shot(code);
    // The failure was temporary.
    await chat.page.unroute("**/visitors");
    await chat.says("And now?");
    await chat.shows("And now?");
  });
}

/** The names of the pages' scripts. */
async function scripts() {
  const names = await readdir(new URL("../../web/", import.meta.url));
  return names.filter((name) => name.endsWith(".js"));
}

/** A shop's page that embeds the widget with one line. */
function script(attributes) {
  return `<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1></main>
    <script type="module" src="/widget.js" data-tenant="${TENANT}" data-chatbot="${chatbot}" ${attributes}></script>`;
}

const MARKDOWN = `## Where it is

It arrives on **Friday**, *probably*, not on ~~Thursday~~.
See [the map](https://shop.example/map_(new)) or https://shop.example/help.

1. Lift it
   - with a rope
   - or two
2. Drop it

> It will ring.

\`\`\`rust
fn drop(self) {}
\`\`\`

| Name | Weight |
|---|---:|
| Canyon | 180 kg |`;

const HOSTILE = [
  "<script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)><iframe src=javascript:alert(1)></iframe>",
  "[click](javascript:alert(1)) [click](JaVaScRiPt:alert(1)) [click](java\tscript:alert(1)) [click](vbscript:x)",
  "[click](data:text/html,<script>alert(1)</script>) [click](//evil.example) [click](\u0001javascript:alert(1))",
  "![pixel](https://evil.example/pixel.png)" +
    " [<img src=x onerror=alert(1)>](https://shop.example/?<script>alert(1)</script>)",
  "<https://shop.example/\"onmouseover=alert(1)> <mailto:a@shop.example>",
  "```html\"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```",
  "| a | b |\n|---|---|\n| <b onclick=alert(1)>x</b> | " + "wide".repeat(200) + " |",
  "# " + "W".repeat(400),
  "`" + "code".repeat(150) + "`",
  "long".repeat(500),
  "https://shop.example/" + "path/".repeat(200),
  "\u202egnp.exe\u202c \u2067\u2066\u202d isolate me \u200f\u200e مرحبا (1) world",
  "Z" + "\u0301".repeat(200) + " 👩‍👩‍👧‍👦🏳️‍🌈🇺🇳" + "👩‍🚀".repeat(100),
  "{{constructor.constructor('alert(1)')()}} ${alert(1)} %3Cscript%3E &lt;script&gt; \u0000 \ufeff",
  "the end",
];

/** Pieces of markdown, each repeated to the longest message. */
const TANGLED = [
  "*", "_", "**a ", "*a _b ", "*a **b ", "~~a", "***", "_ *", "a*b_c~~d`e[f](g)h<i", "`", "`a ``b ", "\\", "\\*",
  "[", "[a](", "[](a ", "[](<", "[x](((", "![", "](", "(", '[a](b"', '[a](https://b.example "',
  "<", "<http://", "http://", "https://a", "h", "hhttp",
  "> ", ">", "- ", "-\n", "1. ", "  - a\n", "- a\n\n\n", "- a\n  - b\n    - c\n      - d\n        - e\n",
  "- > ", "> - ",
  "```\n", "~~~ ", "```a", "#", "# ", "# a #", "---\n", "|", "|a", "|\n", "|a|\n|-|\n", "a|b\n-|-\n",
  "\n", " ", "\t", " \n", "\u0301", "👩‍🚀", "&amp;",
];
