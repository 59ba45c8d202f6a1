// Tests of the agent console in a browser, against a running Switchboard that also serves the pages.
//
// Environment variables, besides those that `world.mjs` and `chromium.mjs` read:
//
//     MESSAGES   the length of the long log; 2000 by default, since posting 5000 messages takes a minute or two

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { consoleOf as consoleBy } from "./agent.mjs";
import { accessible, launch } from "./chromium.mjs";
import { admin, agent, board, call, customer, JWT_SECRET, Listener, log, model } from "./world.mjs";
import { CITED, STANDIN, tokenFor, url } from "./world.mjs";
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
  await desk.sees(/Waiting \d:\d\d/, ".holder");
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

test("the inbox tells what was said last, of who waits already and of who comes", async () => {
  const [early, late] = [await thread(), await thread()];
  await early.say("Is anybody there?");
  await escalate(early);
  const desk = await consoleOf(agent);
  const words = ({ title }) => desk.row(title).locator(".excerpt");
  await words(early).filter({ hasText: "Is anybody there?" }).waitFor();
  await late.say("My parcel came open.");
  await escalate(late);
  await words(late).filter({ hasText: "You said" }).waitFor();
  await desk.opens(late);
  await claim(late, agent);
  await desk.sees(late.title, "[data-status=agent]");
  await late.say("I take over.", agent);
  await words(late).filter({ hasText: "You: I take over." }).waitFor();
  await Promise.all([early, late].map(end));
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
  assert.equal(await desk.page.evaluate(() => sessionStorage.length), 0);
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
