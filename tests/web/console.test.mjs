// Tests of the agent console in a browser, against a running Switchboard that also serves the pages.
//
// Environment variables, besides those that `world.mjs` and `chromium.mjs` read:
//
//     MESSAGES   the length of the long log; 2000 by default, since posting 5000 messages takes a minute or two

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { consoleOf as consoleBy } from "./agent.mjs";
import { accessible, launch, picture } from "./chromium.mjs";
import { admin, agent, board, call, customer, JWT_SECRET, Listener, log, model } from "./world.mjs";
import { CITED, PATIENCE, STANDIN, tokenFor, url } from "./world.mjs";
import { player } from "./wires.mjs";

const { MESSAGES = "2000" } = process.env;

const needsStandin = { skip: STANDIN ? false : "STANDIN names no stand-in" };
const needsCited = { skip: CITED ? false : "CITED names no thread" };
const needsSecret = { skip: JWT_SECRET ? false : "JWT_SECRET is not known" };

const nameIn = (token) => {
  const { name, sub } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  return name ?? sub;
};
const [ana, ada] = [agent, admin].map(nameIn);

let browser;
let chatbot;
const open = [];

before(async () => {
  await emptyQueue();
  browser = await launch();
  chatbot = (
    await call(admin, "POST", "/chatbots", {
      name: "Robin",
      model: "gpt-5-mini",
      instructions: "Be brief.",
      greeting: "Hello!",
    })
  ).id;
});
after(() => browser.close());

/** Ends waiting threads, closes the consoles that a test opened, and fails if one of their pages reported an error. */
afterEach(async () => {
  await emptyQueue();
  for (const { context, wrong } of open.splice(0)) {
    await context.close();
    assert.deepEqual(wrong, []);
  }
});

async function emptyQueue() {
  for (let page; page?.data.length !== 0;) {
    page = await call(admin, "GET", "/threads?status=queued&limit=100");
    await Promise.all(page.data.map(end));
  }
}

/** Creates a thread of the customer's. Returns its id, its title and a function that posts a message to it. */
let threads = 0;
async function thread(title = `Question ${++threads}`, more = {}) {
  const { id } = await call(customer, "POST", "/threads", { chatbot_id: chatbot, title, ...more });
  return { id, title, say: (text, token = customer) => call(token, "POST", `/threads/${id}/chat`, { text }) };
}

const escalate = ({ id }) => call(customer, "POST", `/threads/${id}/escalate`, {});
const claim = ({ id }, token) => call(token, "POST", `/threads/${id}/claim`, {});
const end = ({ id }) => call(admin, "POST", `/threads/${id}/end`, {});

/** Opens the console with this token; it is closed after the test. */
async function consoleOf(token, how) {
  const desk = await consoleBy(browser, token, how);
  open.push(desk);
  return desk;
}

test("a customer who waits rings, and is claimed", async () => {
  const desk = await consoleOf(agent);
  await desk.sees("Queue", ".list h1");
  const waiting = await thread(undefined, { metadata: { name: "Mira Svensson" } });
  await waiting.say("Is anybody there?");
  await escalate(waiting);
  await desk.row(waiting.title).waitFor();
  await desk.until(() => /^\(\d+\) Switchboard$/.test(document.title));
  await desk.sees("is waiting for a person.", "[aria-live=polite]");
  await desk.picture("queue");
  await desk.row(waiting.title).click();
  await desk.sees(/Waiting \d+ s/, ".holder");
  await desk.sees("self-given name", ".view-header");
  await desk.sees("Sending claims the conversation from the queue.", ".hint");
  await desk.button("Claim").click();
  await desk.sees("You hold the line", ".holder");
  await desk.sees("Mine", ".list h1");
  await desk.sees("Mira Svensson", ".byline");
  assert.equal(await desk.button("Claim").count(), 0);
  assert.equal((await call(agent, "GET", `/threads/${waiting.id}`)).status, "agent");
  await end(waiting);
});

/** Lets a test look away from the page, and records its notifications as `notifications`. */
function recordNotifications() {
  let isAway = false;
  Object.defineProperty(document, "hidden", { get: () => isAway });
  globalThis.lookAway = (away) => {
    isAway = away;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  globalThis.notifications = [];
  globalThis.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      notifications.push(this);
    }

    close() {
      this.isClosed = true;
      super.close();
    }
  };
}

test("the bell notifies in one tab, once a conversation, and until it is read", async () => {
  const before = async (context) => {
    await context.grantPermissions(["notifications"], { origin: url });
    await context.addInitScript(recordNotifications);
  };
  const desk = await consoleOf(agent, { before });
  const bell = desk.button("Alerts");
  assert.equal(await bell.getAttribute("aria-pressed"), "false");
  await bell.click();
  await desk.until(() => document.querySelector("[title='Alerts are on']"));
  assert.equal(await bell.getAttribute("aria-pressed"), "true");
  const second = await anotherTab(desk);
  await second.locator(".console").waitFor();
  const shown = (page) =>
    page.evaluate(() => notifications.map(({ title, tag, body, isClosed = false }) => [title, tag, body, isClosed]));
  const has = (page, count) => page.waitForFunction((count) => notifications.length === count, count);
  for (const page of [desk.page, second]) await page.evaluate(() => lookAway(true));

  // One who waits: the tab that was looked at last tells.
  const waiting = await thread("Bell", { metadata: { name: "Mira" } });
  await escalate(waiting);
  await has(second, 1);
  await desk.row("Bell").waitFor();
  assert.deepEqual(await shown(second), [["Mira is waiting for a person.", waiting.id, "Bell", false]]);
  assert.deepEqual(await shown(desk.page), []);
  // A click leads there, and what is read is closed.
  await second.evaluate(() => notifications[0].dispatchEvent(new Event("click")));
  await second.evaluate(() => lookAway(false));
  await second.locator(".holder").waitFor();
  assert.equal(new URL(second.url()).hash, `#${waiting.id}`);
  await second.waitForFunction(() => notifications[0].isClosed);

  // A message to the agent, after the tab that told is closed.
  await claim(waiting, agent);
  await second.close();
  await desk.page.evaluate(() => (location.hash = "mine"));
  await desk.row("Bell").waitFor();
  await waiting.say("Are you there?");
  await has(desk.page, 1);
  assert.deepEqual((await shown(desk.page))[0].slice(1), [waiting.id, "Are you there?", false]);
  await desk.opens(waiting);
  await desk.page.evaluate(() => lookAway(false));
  await desk.until(() => notifications[0].isClosed);

  // One who waits is somebody else's.
  await desk.page.evaluate(() => lookAway(true));
  const other = await thread("Bell two");
  await escalate(other);
  await has(desk.page, 2);
  await claim(other, admin);
  await desk.until(() => notifications[1].isClosed);
  await bell.click();
  await desk.until(() => document.querySelector("[title='Alerts are off']"));
  const quiet = await thread("Bell three");
  await escalate(quiet);
  await desk.page.evaluate(() => (location.hash = "queue"));
  await desk.row("Bell three").waitFor();
  await has(desk.page, 2);
  await Promise.all([waiting, other, quiet].map(end));
});

test("claimed in mid-answer, the bot's answer is withdrawn and its draft can be taken over", needsStandin, async () => {
  const asked = await thread();
  const desk = await consoleOf(agent);
  await desk.opens(asked);
  const held = await model.stops(5);
  const answer = asked.say("Where is my order?");
  const words = desk.page.locator("[data-kind=run] .words");
  await words.filter({ hasText: "This is OpenAI" }).waitFor();
  const said = (await words.textContent()).trim();
  await desk.picture("streaming");
  await desk.sees("The bot holds the line. Sending claims the conversation.", ".hint");
  await desk.button("Claim").click();
  await desk.sees("You hold the line", ".holder");
  await words.waitFor({ state: "detached" });
  await desk.button("Use this draft").waitFor();
  await desk.picture("draft");
  await desk.button("Use this draft").click();
  const draft = await desk.reply.inputValue();
  assert.equal(draft.trim(), said);
  await desk.reply.press("End");
  await desk.reply.pressSequentially("Ana here.");
  await desk.reply.press("Enter");
  await desk.sees("Ana here.", ".bubble");
  await held.goesOn();
  await answer;
  const messages = await log(asked.id);
  assert.deepEqual(
    messages.map(({ role }) => role),
    ["bot", "customer", "system", "agent"],
  );
  assert.equal(messages.at(-1).text, `${draft}Ana here.`);
  await end(asked);
});

test("the bot's progress is shown quietly, and what it says after a void answer too", needsStandin, async () => {
  const asked = await thread();
  let play;
  const before = async (context) => (play = await player(context, () => asked.id));
  const desk = await consoleOf(agent, { before });
  await desk.opens(asked);
  const held = await model.stops(0);
  const answer = asked.say("Where is my order?");
  await desk.sees("Where is my order?", ".bubble");
  await held.begun();
  const progress = desk.page.locator("[data-kind=progress]");
  const words = desk.page.locator("[data-kind=run] .words");
  const gone = { state: "detached" };
  const run_id = "run_01JD0000000000000000000000";
  const says = (index, text) => play({ type: "message.delta", run_id, index, text });
  const voids = () => play({ type: "message.discarded", run_id, reason: "the model is asked again", draft: "It is" });
  // What was played before has been heard once this is shown.
  const types = async (name) => {
    play({ type: "typing", who: { id: name, name, role: "agent" }, on: true });
    await desk.sees(name, ".typing");
  };
  play({ type: "message.progress", run_id, text: "Looking up your order" });
  await progress.getByText("Looking up your order").waitFor();
  await desk.picture("progress");
  await accessible(desk.page, "progress");
  play({ type: "message.progress", run_id, text: "Asking the carrier" });
  await progress.getByText(/^Asking the carrier$/).waitFor();
  says(0, "Let me see.");
  await words.getByText("Let me see.").waitFor();
  assert.equal(await progress.count(), 0);
  // The words were no answer.
  play({ type: "message.progress", run_id, text: "Let me see." });
  says(0, "");
  await progress.getByText("Let me see.").waitFor();
  await words.waitFor(gone);
  says(0, "It is on the van");
  await words.getByText("It is on the van").waitFor();
  says(0, "It is");
  await words.getByText(/^It is$/).waitFor();
  voids();
  await words.waitFor(gone);
  assert.equal(await progress.count(), 0);
  // A late part of the void answer, and then the second try.
  says(5, " on the");
  await types("Otto");
  assert.equal(await words.count(), 0);
  says(0, "It is lost");
  says(10, ", I fear");
  await words.getByText(/^It is lost, I fear$/).waitFor();
  await held.goesOn();
  await answer;
  await desk.sees("You said", ".bubble");
  await words.waitFor(gone);
  // Nothing is left to answer, so this is late.
  says(0, "It is late");
  play({ type: "message.progress", run_id, text: "So is this" });
  await types("Ottilie");
  assert.equal((await words.count()) + (await progress.count()), 0);
  await desk.button("Claim").click();
  await desk.sees("You hold the line", ".holder");
  // The customer has their answer: the draft of the void one is of no use.
  assert.equal(await desk.button("Use this draft").count(), 0);
  await end(asked);
});

test("a run that goes on is shown with its next answer, until somebody takes over", needsStandin, async () => {
  const asked = await thread();
  let play;
  const before = async (context) => (play = await player(context, () => asked.id));
  const desk = await consoleOf(agent, { before });
  await desk.opens(asked);
  const words = desk.page.locator("[data-kind=run] .words");
  const run_id = "run_01JD0000000000000000000000";
  const first = await model.stops(0);
  const answer = asked.say("Where is my order?");
  await first.begun();
  play({ type: "message.delta", run_id, index: 0, text: "First" });
  await words.getByText("First").waitFor();
  await first.goesOn();
  await answer;
  await desk.sees("You said", ".bubble");
  const second = await model.stops(0);
  const next = asked.say("And the other one?");
  await second.begun();
  await desk.sees("And the other one?", ".bubble");
  play({ type: "message.delta", run_id, index: 0, text: "Second" });
  await words.getByText("Second").waitFor();
  await desk.button("Claim").click();
  await desk.sees("You hold the line", ".holder");
  play({ type: "message.delta", run_id, index: 0, text: "Third" });
  play({ type: "message.progress", run_id, text: "Looking" });
  play({ type: "typing", who: { id: "cus", role: "customer" }, on: true });
  await desk.sees("typing…", ".typing");
  assert.equal((await words.count()) + (await desk.page.locator("[data-kind=progress]").count()), 0);
  await second.goesOn();
  await next;
  await end(asked);
});

test("under an answer stands that it was cut and what it cites, in the details what it took", needsCited, async () => {
  const desk = await consoleOf(agent);
  await desk.opens({ id: CITED });
  await desk.sees("we are open from", ".bubble");
  const lines = await desk.page.locator(".footnote").allTextContents();
  assert.deepEqual(lines, ["The answer was cut off here.", "Sources: \u2068prices.md\u2069, \u2068hours.md\u2069"]);
  await desk.button("Details").click();
  await desk.sees("1,200 in (1,024 cached), 34 out (10 reasoning)", ".details dd");
  await desk.picture("tokens");
  await accessible(desk.page, "tokens");
  const empty = await thread();
  await desk.opens(empty);
  await desk.button("Details").click();
  await desk.sees("none", ".details dd");
  await end(empty);
});

test("who loses a claim is told who won", async () => {
  const wanted = await thread();
  await escalate(wanted);
  const desk = await consoleOf(agent);
  await desk.opens(wanted);
  // The admin's claim goes first, however long it takes.
  await desk.page.route("**/claim", async (route) => {
    await claim(wanted, admin);
    await route.continue();
  });
  await desk.button("Claim").click();
  await desk.sees(`${ada} claimed it first.`, ".toast");
  await desk.sees(`${ada} holds the line`, ".holder");
  assert.equal(await desk.button("Claim").count(), 0);
  assert.equal(await desk.button("Transfer").count(), 0);
  assert.ok(await desk.button("Reply").isDisabled());
  await desk.picture("lost");
  await end(wanted);
});

test("a line is given back with a note, taken from a colleague by an admin, and ended", async () => {
  const wanted = await thread();
  await claim(wanted, agent);
  const desk = await consoleOf(agent, { at: wanted.id });
  await desk.button("Transfer").click();
  await desk.page.locator("dialog textarea").fill("She needs a refund.");
  await desk.button("Return to the queue").click();
  await desk.sees(/Waiting/, ".holder");
  await desk.sees("She needs a refund.", "[data-role=note]");
  assert.equal(await desk.button("To the bot").count(), 0);

  await claim(wanted, agent);
  const boss = await consoleOf(admin, { at: wanted.id });
  await boss.sees(`${ana} holds the line`, ".holder");
  await boss.button("Take over").click();
  await boss.sees(`Take over from ${ana}?`, "dialog");
  await boss.page.locator("dialog .primary").click();
  await boss.sees("You hold the line", ".holder");
  await desk.sees(`${ada} holds the line`, ".holder");
  await boss.button("To the bot").click();
  await boss.button("Return to the bot").click();
  await boss.sees("The bot holds the line", ".holder");
  await boss.button("End").click();
  await boss.sees("End this conversation?", "dialog");
  await boss.button("End conversation").click();
  await boss.sees("Ended", ".holder");
  await desk.sees("Ended", ".holder");
  await desk.reply.waitFor({ state: "hidden" });
  const told = await desk.page.locator(".pill").allTextContents();
  assert.deepEqual(told, ["Bot", "You", "Waiting", "You", ada, "Bot", "Ended"]);
  await desk.picture("ended");
});

test("whose line an admin takes is told so, with a way there", async () => {
  const [taken, given] = [await thread("Line one"), await thread("Line two")];
  for (const mine of [taken, given]) await claim(mine, agent);
  const desk = await consoleOf(agent, { at: "mine" });
  await desk.row("Line two").waitFor();
  await desk.row("Line one").waitFor();
  // What the agent gives away is no news to them.
  await call(agent, "POST", `/threads/${given.id}/release`, { to: "queue" });
  await desk.row("Line two").waitFor({ state: "detached" });
  await claim(given, admin);
  await claim(taken, admin);
  const notice = desk.page.locator(".toasts[role=status] .toast a");
  await notice.waitFor();
  assert.equal(await notice.textContent(), `${ada} took over the conversation with ${nameIn(customer)}.`);
  await accessible(desk.page, "taken");
  await desk.picture("taken");
  await notice.click();
  await desk.sees(`${ada} holds the line`, ".holder");
  await desk.sees(`${ada} took over the conversation`, ".owner-change");
  assert.equal(await notice.count(), 0);
  await Promise.all([taken, given].map(end));
});

test("a note is no message, and claims nothing", async () => {
  const asked = await thread();
  const desk = await consoleOf(agent, { at: asked.id });
  await desk.button("Note").click();
  await desk.reply.fill("A good customer.");
  await desk.picture("note");
  await desk.button("Add note").click();
  await desk.sees("A good customer.", "[data-role=note]:not(.unsent)");
  await desk.sees("The bot holds the line", ".holder");
  assert.deepEqual(
    (await log(asked.id)).map(({ role }) => role),
    ["bot"],
  );
  await end(asked);
});

test("a row says the customer's last words, or why they wait", async () => {
  const [early, late, silent] = [await thread(), await thread(), await thread()];
  await early.say("Is anybody there?");
  for (const waiting of [early, silent]) await escalate(waiting);
  const desk = await consoleOf(agent);
  const words = ({ title }) => desk.row(title).locator(".excerpt");
  await words(early).filter({ hasText: "Is anybody there?" }).waitFor();
  await words(silent).filter({ hasText: "asked for a person" }).waitFor();
  await late.say("My parcel came open.");
  await escalate(late);
  await words(late).filter({ hasText: "My parcel came open." }).waitFor();
  await claim(late, agent);
  await desk.opens(late);
  await desk.sees(late.title, "[data-status=agent]");
  await late.say("I take over.", agent);
  await desk.sees("I take over.", ".bubble");
  assert.equal(await words(late).textContent(), "My parcel came open.");
  await late.say("It is wet too.");
  await words(late).filter({ hasText: "It is wet too." }).waitFor();
  await Promise.all([early, late, silent].map(end));
});

test("the list brings the customers' words, and only those of a new thread are searched for, once", async () => {
  const waiting = [];
  for (let at = 0; at < 3; at++) {
    waiting.push(await thread(`Words ${at}`));
    await waiting[at].say(`I have question ${at}.`);
    await escalate(waiting[at]);
  }
  const asked = [];
  const before = (context) =>
    context.route(/messages\?limit=20/, (route) => {
      asked.push(new URL(route.request().url()).pathname);
      return route.fallback();
    });
  const desk = await consoleOf(agent, { before });
  const words = (one) => desk.row(one.title).locator(".excerpt");
  for (const at of [0, 1, 2]) await words(waiting[at]).filter({ hasText: `I have question ${at}.` }).waitFor();
  assert.deepEqual(asked, []);
  const late = await thread("Words, late");
  await late.say("I come late.");
  await escalate(late);
  await words(late).filter({ hasText: "I come late." }).waitFor();
  await desk.opens(late);
  assert.deepEqual(asked, [`/threads/${late.id}/messages`]);
  await Promise.all([...waiting, late].map(end));
});

test("who comes while the inbox begins to be followed is not missed", async () => {
  const between = await thread("Between");
  let [reached, release] = [];
  const asked = new Promise((resolve) => (reached = resolve));
  const held = new Promise((resolve) => (release = resolve));
  const before = (context) =>
    context.routeWebSocket(/ws$/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage(async (frame) => {
        if (frame.includes('"inbox":true')) await (reached(), held);
        server.send(frame);
      });
    });
  const desk = await consoleOf(agent, { before });
  await asked;
  // The lists are read, and nobody is told of who comes now.
  await desk.page.waitForLoadState("networkidle");
  await escalate(between);
  release();
  await desk.row(between.title).waitFor();
  await end(between);
});

test("who has waited longest is first, also after an agent has left", async () => {
  const [first, second] = [await thread("Waits one"), await thread("Waits two")];
  for (const waiting of [first, second]) await escalate(waiting);
  await claim(first, agent);
  await call(agent, "POST", `/threads/${first.id}/release`, { to: "queue" });
  const before = (context) =>
    context.route(/status=queued/, async (route) => {
      const response = await route.fetch();
      const page = await response.json();
      for (const one of page.data) one.waiting_since = one.status_since;
      page.data.find(({ id }) => id === first.id).waiting_since = "2026-01-31T10:00:00.000Z";
      await route.fulfill({ response, json: page });
    });
  const desk = await consoleOf(agent, { before });
  const rows = desk.page.locator(".list .row-link");
  await rows.first().getByText("Waits one").waitFor();
  assert.match(await rows.first().locator("time").textContent(), /^\d+ d$/);
  await rows.first().click();
  await desk.sees(/Waiting \d+ d/, ".holder");
  for (const waiting of [first, second]) await end(waiting);
});

test("of one's own the unread are first and bold, then who wrote last", async () => {
  const own = [await thread("Own A"), await thread("Own B"), await thread("Own C")];
  for (const mine of own) {
    await mine.say("Hello");
    await claim(mine, agent);
    await mine.say("Noted.", agent);
  }
  const [a, b, c] = own;
  const desk = await consoleOf(agent, { at: "mine" });
  const isOrder = (titles) => {
    const rows = document.querySelectorAll(".list .row-link");
    return titles.every((title, at) => rows[at]?.textContent.includes(title));
  };
  const order = (...wanted) => desk.until(isOrder, wanted.map(({ title }) => title));
  const words = ({ title }) => desk.row(title).locator(".excerpt");
  const weight = (its) => words(its).evaluate((node) => getComputedStyle(node).fontWeight);
  await order(c, b, a);
  await a.say("URGENT");
  await order(a, c, b);
  assert.ok((await weight(a)) > (await weight(c)));
  await desk.until(() => /^\(\d+\) Switchboard$/.test(document.title));
  await b.say("Urgent too");
  await order(b, a, c);
  await desk.opens(b);
  await order(a, b, c);
  await desk.opens(c);
  await order(a, b, c);
  assert.equal(await weight(b), await weight(c));
  await Promise.all(own.map(end));
});

test("who is there, who types and what is read is told both ways", async () => {
  const asked = await thread();
  await claim(asked, agent);
  const desk = await consoleOf(agent, { at: asked.id });
  await desk.sees("is away", ".presence");
  const theirs = board(customer);
  try {
    const there = theirs.thread(asked.id);
    const heard = new Listener(there);
    await desk.sees("is here", ".presence");
    there.typing(true);
    await desk.sees("is typing…", ".typing");
    there.typing(false);
    await desk.until(() => !document.querySelector(".typing").textContent);
    await desk.reply.pressSequentially("Hello");
    await heard.until("typing", ({ events }) =>
      events.find(({ type, who, on }) => type === "typing" && on && who.role === "agent"),
    );
    await desk.reply.press("Enter");
    const said = await heard.message("the reply", ({ text }) => text === "Hello");
    there.read(said.seq);
    await desk.sees("Seen", "[data-role=agent]");
    await there.send("Thank you");
    const { seq } = await heard.message("the answer", ({ text }) => text === "Thank you");
    await heard.until("read", ({ events }) => events.find((event) => event.type === "read" && event.seq === seq));
    await desk.picture("thread");
  } finally {
    theirs.close();
  }
  await end(asked);
});

test("the inbox is read page by page, and what is open stays open as it changes", async () => {
  const waiting = [];
  for (let at = 0; at < 55; at++) {
    waiting.push(await thread(`Page ${at}`));
    await escalate(waiting.at(-1));
  }
  const desk = await consoleOf(agent);
  await desk.row("Page 49").waitFor();
  const rows = desk.page.locator(".list .row-link");
  assert.equal(await rows.count(), 50);
  assert.equal(await desk.page.locator("[data-section=queue] .count").textContent(), "50+");
  await desk.button("More").click();
  await desk.row("Page 54").waitFor();
  assert.equal(await desk.button("More").count(), 0);
  await desk.row("Page 30").click();
  await desk.sees(/Waiting/, ".holder");
  const open = desk.row("Page 30");
  const before = (await open.boundingBox()).y;
  for (const gone of waiting.slice(0, 5)) await end(gone);
  await desk.until(() => document.querySelectorAll(".list .row-link").length <= 50);
  assert.ok(Math.abs((await open.boundingBox()).y - before) < 2, "it jumped");
  assert.equal(await open.getAttribute("aria-current"), "true");
  for (const gone of waiting.slice(5)) await end(gone);
  await desk.sees("Ended", ".holder");
});

/** Loads so many further pages of the inbox, in the page itself: each step from outside would draw all rows again. */
async function loadPages(count) {
  const footer = document.querySelector(".list-footer");
  for (let page = 0; page < count && footer.querySelector("button"); page++) {
    const isLoaded = new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        if (footer.querySelector("[role=status]")) return;
        observer.disconnect();
        resolve();
      });
      observer.observe(footer, { childList: true });
    });
    footer.querySelector("button").click();
    await isLoaded;
  }
}

test("of 5,000 who wait none is missing and none is there twice", { timeout: 300_000 }, async (context) => {
  const PER_PAGE = 50;
  const time = (at) => new Date(Date.UTC(2026, 0, 1) + at * 500).toISOString();
  // Seven at a time have the same time, also where one page ends and the next begins.
  const made = (at, more) => {
    const [id, since] = [`thr_${String(at).padStart(26, "0")}`, time(at - (at % 7))];
    const last_message = { seq: 1, role: "customer", author: { id: "cus" }, text: `Words ${at}`, at: since };
    const its = { id, chatbot_id: chatbot, customer_id: "cus", status: "queued", status_since: since, reason: "asked" };
    const times = { waiting_since: since, updated_at: since, created_at: since };
    return { ...its, ...times, seq: 2, unread: 2, last_message, ...more };
  };
  let queue = Array.from({ length: 5000 }, (_, at) => made(at + 1));
  const keyOf = ({ status_since, id }) => `${status_since} ${id}`;
  let failures = 0;
  let asked = 0;
  let [play, opened] = [];
  let loads = 0;
  // The lists are loaded when the console starts, and again once its socket is open.
  const isOpen = new Promise((resolve) => (opened = resolve));
  const before = async (its) => {
    play = await player(its, () => undefined);
    await its.route(/status=queued/, (route) => {
      const after = new URL(route.request().url()).searchParams.get("cursor") ?? "";
      if (after) asked++;
      else if (++loads === 2) opened();
      if (after && failures-- > 0)
        return route.fulfill({ status: 503, json: { status: 503, code: "busy", detail: "not now" } });
      const left = queue.filter((one) => keyOf(one) > after);
      const data = left.slice(0, PER_PAGE);
      return route.fulfill({ json: { data, next_cursor: left.length > PER_PAGE ? keyOf(data.at(-1)) : null } });
    });
  };
  const desk = await consoleOf(agent, { before, reducedMotion: "reduce" });
  const hashes = () => [...document.querySelectorAll(".rows .row-link")].map(({ hash }) => hash.slice(1));
  const rows = () => desk.page.evaluate(hashes);
  const shows = (count) => desk.until((count) => document.querySelectorAll(".rows .row-link").length === count, count);
  const leaves = ({ id }) => {
    const gone = queue.find((one) => one.id === id);
    queue = queue.filter((one) => one !== gone);
    play({ type: "thread.updated", thread: { ...gone, status: "bot", seq: 3, updated_at: time(90_000) } });
  };
  const comes = (one) => {
    queue.push(one);
    play({ type: "thread.updated", thread: one });
  };
  await isOpen;
  await shows(PER_PAGE);

  // A page that fails is not asked for again by itself, whatever happens meanwhile.
  failures = Infinity;
  await desk.button("More").click();
  for (let tries = 1; tries <= 3; tries++) {
    await desk.sees("Not now.", ".list-footer [role=alert]");
    leaves(queue[tries]);
    await shows(PER_PAGE - tries);
    assert.equal(asked, tries);
    await desk.button("Try again").click();
  }
  failures = 0;
  await desk.sees("Not now.", ".list-footer [role=alert]");
  await desk.picture("queue-failed");
  await accessible(desk.page, "queue-failed");

  const began = Date.now();
  await desk.button("Try again").click();
  await shows(2 * PER_PAGE - 3);
  // One leaves the second page unheard: its row is gone once the lists are loaded again.
  const [unheard] = queue.splice(60, 1);
  const loadAgain = () => desk.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await loadAgain();
  await desk.page.locator(`[href="#${unheard.id}"]`).waitFor({ state: "detached" });
  await shows(2 * PER_PAGE);
  let [shown, come] = [2 * PER_PAGE, 0];
  for (let round = 0; round < 4; round++) {
    // One leaves whose row is there, one whose page is not loaded yet, and one comes.
    leaves(queue[round]);
    if (round < 3) leaves(queue[shown + come + PER_PAGE]);
    comes(made(5000 + ++come));
    await shows(shown);
    if (round === 1) {
      failures = 1;
      await desk.button("More").click();
      await desk.button("Try again").click();
      await shows((shown += PER_PAGE));
    }
    await loadAgain();
    await desk.page.evaluate(loadPages, 25);
    shown = await desk.page.locator(".rows .row-link").count();
  }
  await desk.button("More").waitFor({ state: "detached" });
  await shows(queue.length);
  const ids = await rows();
  context.diagnostic(`${ids.length} rows were loaded in ${Date.now() - began} ms`);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids, queue.map(({ id }) => id));
});

test("of a long log only what is seen is in the document", { timeout: 300_000 }, async (context) => {
  const long = await thread("A long story");
  await claim(long, agent);
  const began = Date.now();
  const count = Number(MESSAGES);
  // Messages of different lengths, so that no estimate of a row's height is right.
  let said = 0;
  const say = async () => {
    for (let at; (at = ++said) <= count;)
      await long.say(`Message ${at}. ${"It goes on and on. ".repeat((at * 7) % 23)}`);
  };
  await Promise.all([say(), say()]);
  context.diagnostic(`${count} messages were said in ${Math.round((Date.now() - began) / 1000)} s`);
  const desk = await consoleOf(agent, { at: long.id });
  await desk.sees(`Message ${count}.`, ".bubble");
  const result = await desk.page.evaluate(async () => {
    const roll = document.querySelector(".virtual-list");
    const frame = () => new Promise(requestAnimationFrame);
    const shown = () =>
      [...roll.querySelectorAll(".message")].filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        const box = roll.getBoundingClientRect();
        return bottom > box.top && top < box.bottom;
      });
    let [most, frames, blank, longest] = [0, 0, 0, 0];
    const seen = new Set(shown().map(({ dataset }) => dataset.key));
    const gone = new WeakRef(roll.querySelector(".message"));
    for (let last = performance.now(); !seen.has("1"); frames++) {
      roll.scrollTop -= roll.clientHeight * 0.7;
      await frame();
      await frame();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      most = Math.max(most, roll.querySelectorAll("*").length);
      const rows = shown();
      if (rows.length === 0) blank++;
      for (const { dataset } of rows) seen.add(dataset.key);
    }
    return { seen: seen.size, most, frames, blank, longest: Math.round(longest), removed: !gone.deref()?.isConnected };
  });
  context.diagnostic(JSON.stringify(result));
  assert.ok(result.most < 1500, `${result.most} nodes`);
  assert.equal(result.blank, 0);
  // All messages and the greeting; the claim is drawn as a change of owner.
  assert.equal(result.seen, count + 1);
  assert.ok(result.removed);
  // One key press leads back to the end.
  await desk.page.locator(".virtual-list").press("End");
  await desk.page.locator(".bubble", { hasText: `Message ${count}.` }).waitFor();
  await end(long);
});

test("what was before is asked for again where it could not be had, and not without pause", async () => {
  const long = await thread();
  await claim(long, agent);
  for (let said = 0; said < 120; said++) await long.say(`Word ${said}`, agent);
  const desk = await consoleOf(agent);
  const asked = [];
  await desk.page.route(/before=/, (route) => {
    asked.push(Date.now());
    const busy = { status: 503, json: { status: 503, code: "busy", detail: "not now" } };
    return asked.length < 2 ? route.fulfill(busy) : route.continue();
  });
  const had = desk.page.waitForResponse((answer) => answer.url().includes("before=") && answer.ok());
  await desk.opens(long);
  await desk.bubbles.first().waitFor();
  await desk.page.locator(".virtual-list").press("Home");
  await had;
  await desk.until(() => {
    document.querySelector(".virtual-list").scrollTop = 0;
    return document.querySelector(".virtual-list").textContent.includes("started the conversation");
  });
  assert.equal(asked.length, 2);
  assert.ok(asked[1] - asked[0] > 2500);
  await end(long);
});

test("what a customer says, is called or titles is text, and stays in its place", async () => {
  const hostile = `<img src=x onerror=alert(1)><script>alert(2)</script>javascript:alert(3) https://evil.example/x.png`;
  const marks = "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞ \u202Ereversed 👩‍👩‍👧‍👦".repeat(4);
  const bad = await thread(`${hostile} a title`.slice(0, 200), {
    metadata: { name: `"><svg onload=alert(4)> ${"W".repeat(300)}`, "k<b>": hostile },
  });
  await bad.say("First");
  await claim(bad, agent);
  await bad.say(hostile);
  await bad.say("W".repeat(32_000));
  await bad.say(marks);
  await bad.say(`${"[".repeat(5000)} ![x](https://evil.example/y.png) [z](javascript:alert(5))`);
  const desk = await consoleOf(agent, { at: bad.id });
  await desk.sees("[[[[", ".bubble");
  await desk.button("Show all 32,000 characters").click();
  await desk.button("Details").click();
  await desk.picture("hostile");
  const wide = await desk.page.evaluate(() => {
    const isTooWide = (node) => node.scrollWidth > node.clientWidth + 1;
    return ["html", ".list > .scroll", ".virtual-list", ".view-header", ".details"].filter((where) =>
      isTooWide(document.querySelector(where)),
    );
  });
  assert.deepEqual(wide, []);
  assert.equal(await desk.page.locator(".console :is(img, script, iframe, object)").count(), 0);
  const links = desk.page.locator(".virtual-list a");
  const hrefs = await links.evaluateAll((all) => all.map((link) => new URL(link.href).protocol));
  assert.ok(
    hrefs.every((protocol) => protocol === "https:"),
    String(hrefs),
  );
  await end(bad);
});

test("the keyboard alone is enough", async () => {
  const [first, second] = [await thread("Key one"), await thread("Key two")];
  await escalate(first);
  await escalate(second);
  const desk = await consoleOf(agent);
  const { keyboard } = desk.page;
  const focused = () => desk.page.evaluate(() => document.activeElement.closest(".row-link")?.textContent ?? "");
  await desk.row("Key two").waitFor();
  await keyboard.press("?");
  await desk.sees("Keyboard", "dialog h2");
  await desk.picture("keys");
  await keyboard.press("Escape");
  await desk.page.locator("dialog").waitFor({ state: "detached" });
  for (let steps = 0; !(await focused()).includes("Key one") && steps < 20; steps++) await keyboard.press("j");
  await keyboard.press("ArrowDown");
  assert.match(await focused(), /Key two/);
  await keyboard.press("k");
  assert.match(await focused(), /Key one/);
  await keyboard.press("Enter");
  await desk.sees(/Waiting/, ".holder");
  await desk.until(() => document.activeElement.matches(".view-header h2"));
  await keyboard.press("c");
  await desk.sees("You hold the line", ".holder");
  // After a claim the reply field has the focus.
  await desk.until(() => document.activeElement.matches(".reply textarea"));
  await keyboard.type("c is a letter here");
  await keyboard.press("Shift+Enter");
  await keyboard.type("and e too");
  await keyboard.press("Enter");
  await desk.sees("c is a letter here\nand e too", ".bubble");
  await keyboard.type("/mom");
  await desk.sees("/moment", "[role=option]");
  await keyboard.press("Enter");
  assert.match(await desk.reply.inputValue(), /^One moment please, /);
  await keyboard.press("Enter");
  await desk.sees("One moment please", ".bubble");
  await keyboard.press("Escape");
  await keyboard.press("n");
  await keyboard.type("a note");
  await keyboard.press("Enter");
  await desk.sees("a note", "[data-role=note]:not(.unsent)");
  await keyboard.press("Escape");
  await keyboard.press("r");
  await desk.until(() => document.activeElement.matches(".reply textarea"));
  await keyboard.press("Escape");
  await keyboard.press("b");
  await desk.sees("Return this conversation to the bot?", "dialog");
  await keyboard.press("Tab");
  await keyboard.press("Tab");
  await keyboard.press("Enter");
  await desk.sees("The bot holds the line", ".holder");
  await desk.until(() => !document.querySelector("dialog"));
  await keyboard.press("e");
  await desk.sees("End this conversation?", "dialog");
  await keyboard.press("Tab");
  await keyboard.press("Enter");
  await desk.sees("Ended", ".holder");
  await keyboard.press("5");
  await desk.sees("Ended", ".list h1");
  await end(second);
});

test("canned replies are written once, and call the customer by name", needsSecret, async () => {
  const mira = tokenFor(3600, { sub: "mira", name: "Mira Svensson" });
  const { id } = await call(mira, "POST", "/threads", { chatbot_id: chatbot, title: "Canned" });
  await call(mira, "POST", `/threads/${id}/chat`, { text: "Hello" });
  await claim({ id }, agent);
  const desk = await consoleOf(agent, { at: id });
  await desk.sees("verified name", ".view-header");
  await desk.button("Canned replies").click();
  await desk.button("Add a reply").click();
  await desk.page.locator("dialog [name=name]").last().fill("thanks");
  await desk.page.locator("dialog [name=text]").last().fill("Thank you, {name}!");
  await desk.picture("canned-dialog");
  await desk.button("Save").click();
  await desk.page.locator("dialog").waitFor({ state: "detached" });
  await desk.reply.pressSequentially("/tha");
  await desk.page.locator("[role=option]", { hasText: "/thanks" }).click();
  assert.equal(await desk.reply.inputValue(), "Thank you, Mira Svensson!");
  await desk.page.reload();
  await desk.holder.waitFor();
  assert.equal(await desk.reply.inputValue(), "Thank you, Mira Svensson!");
  await end({ id });
});

test("without a socket the console says so, and is current all the same", async () => {
  const desk = await consoleOf(agent, { sockets: false });
  await desk.sees("No live connection", ".banner");
  const waiting = await thread("By REST alone");
  await escalate(waiting);
  await desk.row(waiting.title).waitFor();
  await desk.row(waiting.title).click();
  await desk.reply.fill("Said by REST");
  await desk.reply.press("Enter");
  await desk.sees("Said by REST", ".bubble");
  await desk.sees("You hold the line", ".holder");
  await waiting.say("Heard by REST");
  await desk.sees("Heard by REST", ".bubble");
  await end(waiting);
});

test("a reply that cannot be sent is kept, and goes out once", async () => {
  const asked = await thread();
  await claim(asked, agent);
  const desk = await consoleOf(agent, { at: asked.id });
  await desk.reply.fill("Half a");
  await desk.page.reload();
  await desk.holder.waitFor();
  assert.equal(await desk.reply.inputValue(), "Half a");
  await desk.context.setOffline(true);
  await desk.sees("You are offline", ".banner");
  await desk.reply.fill("Said while offline");
  await desk.reply.press("Enter");
  await desk.sees("Sending…", ".unsent");
  await desk.picture("offline");
  await desk.context.setOffline(false);
  await desk.page.locator(".unsent").waitFor({ state: "detached" });
  await desk.sees("Said while offline", ".bubble");
  // A refused message shows the reason and can be sent again.
  await desk.page.route(
    "**/chat",
    (route) => route.fulfill({ status: 400, json: { status: 400, code: "invalid", detail: "not today" } }),
    { times: 1 },
  );
  await desk.reply.fill("Once more");
  await desk.reply.press("Enter");
  await desk.sees("Not today.", ".unsent");
  await desk.button("Try again").click();
  await desk.page.locator(".unsent").waitFor({ state: "detached" });
  const said = (await log(asked.id)).filter(({ role }) => role === "agent").map(({ text }) => text);
  assert.deepEqual(said, ["Said while offline", "Once more"]);
  await end(asked);
});

test("what was on its way when the page was left may be sent again, and is said once", async () => {
  const asked = await thread();
  await claim(asked, agent);
  const desk = await consoleOf(agent, { at: asked.id });
  await desk.page.route("**/chat", () => {}, { times: 1 });
  await desk.says("Did this arrive?");
  await desk.sees("Sending…", ".unsent");
  await desk.page.reload();
  await desk.sees("It may not have been sent.", ".unsent");
  await desk.button("Try again").click();
  await desk.page.locator(".unsent").waitFor({ state: "detached" });
  const said = (await log(asked.id)).filter(({ role }) => role === "agent").map(({ text }) => text);
  assert.deepEqual(said, ["Did this arrive?"]);
  await end(asked);
});

test("a session that ends is gone on with, and loses nothing", async () => {
  const asked = await thread();
  await claim(asked, agent);
  const desk = await consoleOf(agent, { at: asked.id });
  assert.ok(!desk.page.url().includes("token"));
  await desk.reply.fill("Half a reply");
  const problem = { status: 401, code: "unauthenticated", detail: "a valid bearer token is required" };
  const refused = { status: 401, json: problem };
  await desk.page.route("**/end", (route) => route.fulfill(refused), { times: 1 });
  await desk.button("End").click();
  await desk.button("End conversation").click();
  await desk.sees("Your session has ended", "dialog");
  await desk.picture("expired");
  await desk.page.locator("dialog input").fill(customer);
  await desk.page.locator("dialog .primary").click();
  await desk.sees("This is a customer’s token.", "dialog");
  await desk.page.locator("dialog input").fill(agent);
  await desk.page.locator("dialog .primary").click();
  await desk.sees("Ended", ".holder");
  assert.equal(await desk.reply.inputValue(), "Half a reply");
  await desk.button("Sign out").click();
  await desk.sees("The agent console.", ".sign-in");
  await desk.picture("door");
  assert.deepEqual(await desk.page.evaluate(() => Object.entries(sessionStorage)), [["switchboard.token", ""]]);
});

/** Opens another tab of a console. */
async function anotherTab(desk, hash = "") {
  const page = await desk.context.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`${url}/console${hash}`);
  return page;
}

const accountIn = (page) => page.locator(".account b").textContent();
const signInOf = (page) => page.locator(".sign-in #token").waitFor();

test("all tabs of a browser session have one sign-in, and end it together", needsSecret, async () => {
  const ofAna = (seconds) => tokenFor(seconds, { sub: "ana", role: "agent", name: undefined });
  const desk = await consoleOf(ofAna(3600));
  const second = await anotherTab(desk);
  const pages = [desk.page, second];
  assert.equal(await accountIn(second), "ana");
  // Both sessions end, and a new token in one tab renews the other.
  const problem = { status: 401, code: "unauthenticated", detail: "a valid bearer token is required" };
  for (const page of pages) {
    await page.route(/status=bot/, (route) => route.fulfill({ status: 401, json: problem }), { times: 1 });
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await page.getByText("Your session has ended").waitFor();
  }
  await desk.page.locator("dialog #token").fill(ofAna(4 * 3600));
  await desk.page.locator("dialog #token").press("Enter");
  for (const page of pages) await page.locator("dialog").waitFor({ state: "detached" });
  // No tab is left that could sign in a new one.
  await second.getByRole("button", { name: "Sign out" }).click();
  for (const page of pages) await signInOf(page);
  await signInOf(await anotherTab(desk));
  assert.equal(await desk.page.evaluate(() => JSON.stringify(localStorage).includes("eyJ")), false);
});

test("different people stay in different tabs", async () => {
  const desk = await consoleOf(agent);
  const boss = await anotherTab(desk, `#token=${admin}`);
  assert.equal(await accountIn(boss), ada);
  assert.equal(await accountIn(desk.page), ana);
  // In a tab that somebody has, a link asks.
  await boss.evaluate((token) => (location.hash = `token=${token}`), agent);
  await boss.getByRole("button", { name: "Stay signed in" }).click();
  await boss.getByRole("button", { name: "Sign out" }).click();
  await signInOf(boss);
  assert.equal(await accountIn(desk.page), ana);
  assert.equal(await boss.locator(".console").count(), 0);
});

test("on a laptop one enters with a click", async () => {
  const context = await browser.newContext();
  open.push({ context, wrong: [] });
  await context.route("**/config.json", async (route) => {
    const response = await route.fetch();
    const config = await response.json();
    await route.fulfill({ response, json: { ...config, enter: "/enter" } });
  });
  const people = [
    { label: "Ana (agent)", token: agent },
    { label: "Ada (admin)", token: admin },
  ];
  await context.route("**/enter", (route) =>
    route.request().method() === "POST" ? route.fulfill({ json: people }) : route.abort(),
  );
  const page = await context.newPage();
  await page.goto(`${url}/console`);
  await page.getByRole("button", { name: "Enter as Ana (agent)" }).waitFor();
  await accessible(page, "entry");
  await picture(page, "console-entry");
  await page.getByRole("button", { name: "Enter as Ada (admin)" }).click();
  assert.equal(await accountIn(page), ada);
});

test("an expired token leads to the form", needsSecret, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/console#token=${tokenFor(-10, { sub: "ana", role: "agent" })}`);
  await page.locator(".sign-in .problem", { hasText: "Your session has ended." }).waitFor();
  await page.locator("#token").fill("nonsense");
  await page.locator("#token").press("Enter");
  await page.locator(".sign-in .problem", { hasText: "This is not a valid token" }).waitFor();
  await page.locator("#token").fill(agent);
  await page.locator("#token").press("Enter");
  await page.locator(".console").waitFor();
  await context.close();
});

test("a chatbot is made, corrected, tried and deleted", async () => {
  const desk = await consoleOf(admin, { at: "chatbots" });
  const { page } = desk;
  const [otto, ottilie] = ["Otto", "Ottilie"].map((name) => `${name} ${Date.now()}`);
  await page.getByRole("link", { name: "New" }).click();
  await page.getByLabel("Name", { exact: true }).fill(otto);
  await page.getByLabel("Greeting").fill("Otto here!");
  await page.getByLabel("Model", { exact: true }).fill("gpt-5-mini");
  await page.getByLabel("Temperature").fill("3");
  await desk.button("Save").click();
  await desk.sees("must be from 0 to 2", "#temperature-problem");
  assert.equal(await page.evaluate(() => document.activeElement.id), "field-temperature");
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByLabel("Tools, as JSON").fill("[{]");
  await desk.button("Save").click();
  await desk.sees("This is not valid JSON", "#tools-problem");
  await page
    .getByLabel("Tools, as JSON")
    .fill(JSON.stringify([{ name: "no spaces please", parameters: { type: "object" } }]));
  await desk.button("Save").click();
  await desk.sees("letters, digits", "#tools-problem");
  await desk.picture("field-error");
  await page.getByLabel("Tools, as JSON").fill("");
  await desk.button("Write a document").click();
  await page.locator(".documents input:not([type])").fill("hours.md");
  await page
    .locator(".documents input[type=file]")
    .setInputFiles({ name: "prices.txt", mimeType: "text/plain", buffer: Buffer.from("An anvil is 40 euro.") });
  await page.locator(".documents summary", { hasText: "prices.txt" }).waitFor();
  await desk.button("Save").click();
  await desk.sees("must have 1 to 300,000 bytes", ".documents .problem");
  await page.locator(".documents textarea").first().fill("We are open from 9 to 5.");
  await page.getByLabel("Who can talk to it").selectOption("public");
  await desk.button("Save").click();
  await desk.sees("Saved.", ".toast");
  await page.locator(".list .row-link", { hasText: otto }).waitFor();
  const id = await page.evaluate(() => location.hash.slice(1));
  const made = await call(admin, "GET", `/chatbots/${id}`);
  assert.deepEqual(
    [made.name, made.temperature, made.documents.map(({ name }) => name)],
    [otto, 0.5, ["hours.md", "prices.txt"]],
  );

  await page.locator("#field-name").fill(ottilie);
  await page.getByLabel("Temperature").fill("");
  await page.locator(".documents summary", { hasText: "prices.txt" }).click();
  await page.getByLabel("Remove document 2").click();
  await desk.button("Save").click();
  await page.locator(".list .row-link", { hasText: ottilie }).waitFor();
  const changed = await call(admin, "GET", `/chatbots/${id}`);
  assert.deepEqual([changed.name, changed.temperature, changed.documents.length], [ottilie, null, 1]);

  await desk.button("Start a conversation").click();
  await desk.sees("Otto here!", ".preview .bubble");
  await page.getByLabel("Message to the bot").fill("When are you open?");
  await page.getByLabel("Message to the bot").press("Enter");
  await desk.sees("You said:", ".preview [data-role=bot]");
  await desk.picture("chatbot");
  await page.getByRole("link", { name: "New" }).click();
  await desk.sees("New chatbot", ".chatbot");
  await page.locator(".list .row-link", { hasText: ottilie }).click();
  await desk.button("Delete").click();
  await desk.button("Delete chatbot").click();
  await page.locator(".list .row-link", { hasText: ottilie }).waitFor({ state: "detached" });
  await assert.rejects(call(admin, "GET", `/chatbots/${id}`), /404/);
});

test("the editor ends with the line for one's site, and the widget to try", needsStandin, async () => {
  const { id } = await call(admin, "POST", "/chatbots", { name: "Site", model: "gpt-5-mini", greeting: "Site here!" });
  const before = (context) => context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
  const desk = await consoleOf(admin, { at: id, before });
  const { page } = desk;
  const group = page.locator("fieldset", { hasText: "Put it on your site" });
  const line = `<script type="module" src="${url}/widget.js" data-tenant="acme" data-chatbot="${id}"></script>`;
  await group.getByText("Visitors cannot write yet: it is for customers who are signed in").waitFor();
  assert.equal(await group.locator("code").textContent(), line);
  await desk.button("Copy").click();
  await desk.sees("Copied.", ".toast");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), line);
  await desk.button("Try it on this page").click();
  const widget = page.locator("switchboard-chat");
  // Its keys are its own.
  await widget.getByRole("textbox").pressSequentially("1?");
  await widget.getByRole("textbox").press("Enter");
  await widget.getByText("Site here!").waitFor();
  await widget.getByText("You said").waitFor();
  await desk.picture("site");
  assert.equal(new URL(page.url()).hash, `#${id}`);
  assert.equal(await page.locator("body > dialog").count(), 0);
  await page.getByLabel("Who can talk to it").selectOption("public");
  await desk.button("Save").click();
  await group.getByText("Visitors cannot write yet").waitFor({ state: "detached" });
  await page.locator("#field-model").fill("no-such-model");
  await desk.button("Save").click();
  await desk.sees("It is not available at OpenAI with this API key.", "#model-problem");
  await page.locator("#field-model").fill("gpt-5-mini");
  const reader = await consoleOf(agent, { at: id });
  await reader.button("Copy").waitFor();
  assert.ok(await reader.button("Copy").isEnabled());
  await page.getByRole("link", { name: "Chatbots" }).click();
  await widget.waitFor({ state: "detached" });
  await call(admin, "DELETE", `/chatbots/${id}`);
});

test("a chatbot's warnings are marked in the list and told on its page", needsStandin, async () => {
  await model.ends("gpt-4o", "2999-12-31");
  await model.ends("gpt-4", "2020-01-31");
  const warned = { name: "Warned", model: "gpt-4o", fallback_model: "gpt-4" };
  const { id } = await call(admin, "POST", "/chatbots", warned);
  const desk = await consoleOf(admin, { at: id });
  await desk.row("Warned").locator(".bad").waitFor();
  assert.equal(await desk.row("Robin").first().locator(".bad").count(), 0);
  await desk.sees("The model `gpt-4` has reached its shutdown date, 2020-01-31", ".warnings .bad");
  await desk.sees("The server’s last day for gpt-4o: December 31, 2999", ".warnings");
  await desk.picture("warnings");
  await accessible(desk.page, "warnings");
  await desk.page.locator("#field-fallback_model").fill("");
  await desk.button("Save").click();
  await desk.sees("Saved.", ".toast");
  await desk.row("Warned").locator(".bad").waitFor({ state: "detached" });
  assert.equal(await desk.page.locator(".warnings .bad").count(), 0);
  await call(admin, "DELETE", `/chatbots/${id}`);
});

test("a model's effort, verbosity and fallback are set and taken back", async () => {
  const { id } = await call(admin, "POST", "/chatbots", { name: "Thinker", model: "gpt-5-mini", reasoning_effort: "low" });
  const desk = await consoleOf(admin, { at: id });
  const names = ["reasoning_effort", "verbosity", "fallback_model"];
  const field = (name) => desk.page.locator(`#field-${name}`);
  const saves = async (...values) => {
    for (const [at, name] of names.entries()) await field(name).fill(values[at]);
    await desk.button("Save").click();
  };
  const saved = async () => {
    const chatbot = await call(admin, "GET", `/chatbots/${id}`);
    return names.map((name) => chatbot[name]);
  };
  await desk.until(() => document.querySelector("#field-reasoning_effort")?.value === "low");
  await saves("as little as you can", "", "");
  await desk.sees("letters", "#reasoning_effort-problem");
  await saves("", "high", " gpt-5-nano ");
  await desk.sees("Saved.", ".toast");
  assert.deepEqual(await saved(), [null, "high", "gpt-5-nano"]);
  await desk.button("Close").click();
  await saves("minimal", "", "");
  await desk.sees("Saved.", ".toast");
  assert.deepEqual(await saved(), ["minimal", null, null]);
  await call(admin, "DELETE", `/chatbots/${id}`);
});

test("a chatbot is saved once, however often it is asked for", async () => {
  const desk = await consoleOf(admin, { at: "chatbots/new" });
  const { page } = desk;
  const saves = [];
  const saving = new Promise((begun) =>
    page.route("**/chatbots", (route) => {
      if (route.request().method() !== "POST") return route.continue();
      saves.push(route);
      begun();
    }),
  );
  await page.getByLabel("Name", { exact: true }).fill("Once");
  await page.getByLabel("Model", { exact: true }).fill("gpt-5-mini");
  await page.keyboard.press("Enter");
  await saving;
  await page.keyboard.type("-and-more");
  await page.keyboard.press("Enter");
  await Promise.all(saves.map((route) => route.continue()));
  await desk.sees("Saved.", ".toast");
  assert.equal(saves.length, 1);
  await call(admin, "DELETE", `/chatbots/${await page.evaluate(() => location.hash.slice(1))}`);
});

test("chatbots whose list could not be read are read again", async () => {
  const desk = await consoleOf(agent, {
    at: chatbot,
    before: (context) =>
      context.route(/\/chatbots\?/, (route) =>
        route.fulfill({ status: 503, json: { status: 503, code: "busy", detail: "not now" } }),
      ),
  });
  await desk.sees("Not now.", ".list [role=alert]");
  await desk.context.unroute(/\/chatbots\?/);
  await desk.page.locator(".list").getByRole("button", { name: "Try again" }).click();
  await desk.row("Robin").first().waitFor();
});

test("an agent reads chatbots and changes none", async () => {
  const desk = await consoleOf(agent, { at: chatbot });
  await desk.sees("Only admins can change chatbots.", ".chatbot");
  assert.ok(await desk.page.getByLabel("Name", { exact: true }).isDisabled());
  assert.equal(
    (await desk.button("Save").count()) +
      (await desk.button("Delete").count()) +
      (await desk.page.getByRole("link", { name: "New" }).count()),
    0,
  );
});

test("of two who change a chatbot the second is told, and says whose words are to stay", async () => {
  const { id } = await call(admin, "POST", "/chatbots", { name: "Twice", model: "gpt-5-mini" });
  const desk = await consoleOf(admin, { at: id });
  const greeting = desk.page.getByLabel("Greeting");
  const overtakes = (text) => call(admin, "PATCH", `/chatbots/${id}`, { greeting: text });
  await greeting.fill("Mine.");
  await overtakes("Theirs.");
  await desk.button("Save").click();
  await desk.sees("A colleague saved this chatbot", "dialog");
  await accessible(desk.page, "conflict");
  await desk.button("Keep editing").click();
  assert.equal(await greeting.inputValue(), "Mine.");
  await desk.button("Save").click();
  await desk.button("Discard mine and load theirs").click();
  await desk.until(() => document.querySelector("#field-greeting")?.value === "Theirs.");
  await greeting.fill("Mine after all.");
  await overtakes("Theirs again.");
  await desk.button("Save").click();
  await desk.button("Save mine").click();
  await desk.sees("Saved.", ".toast");
  assert.equal((await call(admin, "GET", `/chatbots/${id}`)).greeting, "Mine after all.");
  await call(admin, "DELETE", `/chatbots/${id}`);
});

test("an agent tries a chatbot that is open to nobody", async () => {
  const desk = await consoleOf(agent, { at: chatbot });
  await desk.button("Start a conversation").click();
  await desk.sees("Hello!", ".preview .bubble");
  await desk.page.getByLabel("Message to the bot").fill("Is this private?");
  await desk.page.getByLabel("Message to the bot").press("Enter");
  await desk.sees("Is this private?", ".preview [data-role=bot]");
});

test("where the editor cannot be loaded that is said, and it can be tried again", async () => {
  const cut = await consoleOf(agent);
  await cut.page.route("**/console.chatbots.js", (route) => route.abort());
  await cut.page.getByRole("link", { name: "Chatbots" }).click();
  await cut.sees("The chatbot editor could not be loaded", "[role=alert]");
  await cut.page.unroute("**/console.chatbots.js");
  await cut.button("Try again").click();
  await cut.row("Robin").first().waitFor();
  // The failed request is the point of this test, so its error is no failure.
  cut.wrong.length = 0;
});

test("nothing moves for those who want it still, and who holds the line is seen without our colours", async () => {
  const waiting = await thread();
  await escalate(waiting);
  const moves = () => document.getAnimations().length > 0;
  const lively = await consoleOf(agent);
  await lively.row(waiting.title).waitFor();
  await lively.until(moves);
  const still = await consoleOf(agent, { reducedMotion: "reduce", forcedColors: "active" });
  await still.opens(waiting);
  assert.equal(await still.page.evaluate(moves), false);
  const [lamp, ground] = await still.page.evaluate(() =>
    [".holder .lamp", "body"].map((part) => getComputedStyle(document.querySelector(part)).backgroundColor),
  );
  assert.notEqual(lamp, ground);
  await still.sees(/Waiting/, ".holder strong");
  await still.picture("forced-colors");
  await end(waiting);
});

test("on a phone the inbox and a conversation are two views", async () => {
  const waiting = await thread("Phone");
  await escalate(waiting);
  const desk = await consoleOf(agent, { width: 360, height: 740 });
  await desk.row("Phone").waitFor();
  await desk.picture("phone-inbox");
  await desk.row("Phone").click();
  await desk.holder.waitFor();
  assert.ok(await desk.row("Phone").isHidden());
  await desk.picture("phone-thread");
  assert.ok(await desk.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await desk.page.getByRole("link", { name: "Back" }).click();
  await desk.row("Phone").waitFor();
  await end(waiting);
});

test("on a phone no hint speaks of keys", async () => {
  const mine = await thread("Touch");
  await claim(mine, agent);
  const desk = await consoleOf(agent, { width: 390, height: 844, isMobile: true, hasTouch: true, at: mine.id });
  await desk.sees("You hold the line", ".holder");
  assert.doesNotMatch(await desk.page.locator(".detail").innerText(), /Enter|Shift/);
  await desk.picture("touch-thread");
  await desk.page.evaluate(() => (location.hash = "mine"));
  await desk.row("Touch").waitFor();
  assert.equal(await desk.page.locator("kbd, [aria-keyshortcuts='?']").count(), 0);
  await end(mine);
});

test("what is selected, pressed and unread is seen in forced colours", async () => {
  const [one, two] = [await thread("Forced one"), await thread("Forced two")];
  for (const waiting of [one, two]) await escalate(waiting);
  const desk = await consoleOf(agent, { forcedColors: "active", reducedMotion: "reduce" });
  await desk.row("Forced one").click();
  await desk.holder.waitFor();
  await desk.row("Forced two").locator(".unread").waitFor();
  const style = (locator, name) => locator.evaluate((node, name) => getComputedStyle(node)[name], name);
  const [open, other] = [desk.row("Forced one"), desk.row("Forced two")];
  assert.notEqual(await style(open, "borderInlineStartColor"), await style(other, "borderInlineStartColor"));
  const ground = await style(desk.page.locator("body"), "backgroundColor");
  assert.notEqual(await style(desk.button("Reply"), "backgroundColor"), ground);
  assert.equal(await style(other.locator(".unread"), "borderTopStyle"), "solid");
  await desk.picture("forced-queue");
  await Promise.all([one, two].map(end));
});

test("a list has bullets, and the owner's name covers no face", needsStandin, async () => {
  const asked = await thread();
  await model.says("- one\n- two");
  await asked.say("What is there?");
  await claim(asked, agent);
  for (let at = 0; at < 30; at++) await asked.say(`Question ${at}, of some length.`);
  const desk = await consoleOf(agent, { at: asked.id });
  await desk.sees("Question 29,", ".bubble");
  const covered = await desk.page.evaluate(async () => {
    const list = document.querySelector(".virtual-list");
    const name = document.querySelector(".current-owner");
    const isOver = (one, other) =>
      one.top < other.bottom && other.top < one.bottom && one.left < other.right && other.left < one.right;
    for (let seen = 0; list.scrollTop > 0; ) {
      list.scrollTop -= 20;
      await new Promise(requestAnimationFrame);
      if (name.hidden) continue;
      const box = name.getBoundingClientRect();
      const { top: edge } = list.getBoundingClientRect();
      for (const face of list.querySelectorAll(".avatar:not(.none)")) {
        const { top, right, bottom, left } = face.getBoundingClientRect();
        if (isOver({ top: Math.max(top, edge), right, bottom, left }, box)) return `after ${seen}`;
      }
      seen++;
    }
    return "";
  });
  assert.equal(covered, "");
  const bullets = desk.page.locator(".words li", { hasText: "one" });
  assert.equal(await bullets.evaluate((node) => getComputedStyle(node).listStyleType), "disc");
  await desk.picture("bullets");
  await end(asked);
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing to complain about in the ${colorScheme}`, async () => {
    const [mine, waiting, theirs] = [await thread("Axe one"), await thread("Axe two"), await thread("Axe three")];
    await mine.say("Hello **there**");
    await escalate(waiting);
    await claim(mine, agent);
    await claim(theirs, admin);
    await call(agent, "POST", `/threads/${mine.id}/chat`, { text: "With you in a moment." });
    await call(agent, "POST", `/threads/${mine.id}/chat`, { text: "A note.", internal: true });
    const desk = await consoleOf(agent, { colorScheme, reducedMotion: "reduce" });
    const check = async (state) => {
      await accessible(desk.page, state);
      await desk.picture(`${state}-${colorScheme}`);
    };
    await desk.row("Axe two").waitFor();
    await check("inbox");
    await desk.opens(waiting);
    await check("waiting");
    await desk.opens(mine);
    await desk.sees("A note.", "[data-role=note]");
    await check("mine");
    await desk.reply.fill("/");
    await desk.sees("/hello", "[role=option]");
    await check("canned");
    await desk.reply.fill("");
    await desk.button("Note").click();
    await check("writing-note");
    await desk.button("End").click();
    await check("asking");
    await desk.button("Cancel").click();
    await desk.opens(theirs);
    await desk.sees(`${ada} holds the line`, ".holder");
    await check("others");
    await desk.page.evaluate((id) => (location.hash = id), chatbot);
    await desk.page.locator(".chatbot form").waitFor();
    await check("chatbot-read");
    const boss = await consoleOf(admin, { at: chatbot, colorScheme, reducedMotion: "reduce" });
    await boss.page.locator(".chatbot form").waitFor();
    await accessible(boss.page, "chatbot");
    await boss.picture(`chatbot-${colorScheme}`);
    for (const over of [mine, waiting, theirs]) await end(over);
  });
}
