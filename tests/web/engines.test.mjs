// The stories of the widget and the console, in the engine that `ENGINE` names; at the end a line with the count.
//
// `world.mjs` and `engine.mjs` list the environment variables.

import assert from "node:assert/strict";
import { after, before, test as facts } from "node:test";

import { open, start } from "./engine.mjs";
import { Front } from "./front.mjs";
import { TENANT } from "./visitor.mjs";
import { admin, agent, call, customer, model } from "./world.mjs";

const { ENGINE } = process.env;
const GREETING = "Hello! What can I do for you?";
const WIDE = { width: 1180, height: 800 };
/** The messages of a long log, of which the newest page has fifty. */
const LONG = 120;

let engine;
let chatbot;
/** A visitor's token, so that the tests together stay below the limit of new visitors. */
let visitor;
let passed = 0;
let failed = 0;

before(async () => {
  const robin = { name: "Robin", model: "gpt-5-mini", instructions: "Be brief.", greeting: GREETING, public: true };
  chatbot = (await call(admin, "POST", "/chatbots", robin)).id;
  visitor = await call("", "POST", "/visitors", { tenant: TENANT, chatbot_id: chatbot });
  engine = await start();
});
after(async () => {
  await engine?.close();
  if (engine) console.log(`the pages in ${engine.name} ${engine.version}: ${passed} passed, ${failed} failed`);
});

/** A test with a time limit, a profile and a web server of its own. No page may report an error. */
function test(fact, proof) {
  return facts(fact, { timeout: 60_000 }, async () => {
    failed++;
    const front = await Front.start();
    const profile = await engine.newProfile(WIDE);
    try {
      await proof({ front, profile });
      assert.deepEqual(front.errors, []);
    } finally {
      await profile.close();
      front.close();
    }
    failed--;
    passed++;
  });
}

/** Opens a shop's page with the widget, whose storage has `kept`. A visitor who comes again has a token. */
async function shop({ front, profile }, { kept = {}, attributes = "", narrow } = {}) {
  const attribute = `data-tenant="${TENANT}" data-chatbot="${chatbot}" ${attributes}`;
  const html = `<body><main><h1>Shop</h1></main><script type="module" src="/widget.js" ${attribute}></script>`;
  const [page, blank] = [front.serve("/shop", html), front.serve("/blank", "<body>")];
  const framed = front.serve("/framed", `<body><iframe src="/shop" width="${narrow}" height="640"></iframe>`);
  const tab = await open(profile, blank);
  await tab.evaluate(
    (place, kept) => {
      for (const what in kept) localStorage[`${place} ${what}`] = JSON.stringify(kept[what]);
    },
    `switchboard ${TENANT} ${chatbot}`,
    { ...visitor, ...kept },
  );
  await tab.goto(narrow ? framed : page);
  return new Widget(tab, narrow ? "iframe >>> " : "");
}

/** What a visitor does with the widget in a tab. */
class Widget {
  constructor(tab, place = "") {
    this.tab = tab;
    this.place = place;
  }

  part(selector) {
    return `${this.place}switchboard-chat >>> ${selector}`;
  }

  async opens() {
    await this.tab.click(this.part("#launcher"));
    await this.sees("#field");
    return this;
  }

  press(name) {
    return this.tab.click(this.part("button"), name);
  }

  async writes(text) {
    await this.tab.click(this.part("#field"));
    await this.tab.type(text);
  }

  async says(text) {
    await this.writes(text);
    await this.tab.press("Enter");
  }

  sees(selector, words) {
    return this.tab.sees(this.part(selector), words);
  }

  /** Waits for the stand-in's answer to these words. */
  answers(words) {
    return this.shows(`You said: "${words}"`);
  }

  /** Waits for a message with these words. */
  shows(words, role = "bot") {
    return this.sees(`#log .${role} > div`, words);
  }

  said() {
    return this.tab.texts(this.part("#log :is(.message > div, .event)"));
  }

  draft() {
    return this.tab.on(this.part("#field"), ([field]) => field.value);
  }

  async thread() {
    const isThread = () => Object.keys(localStorage).find((name) => name.endsWith(" thread"));
    return JSON.parse(await this.tab.until("a thread", `() => localStorage[(${isThread})()]`));
  }

  async log() {
    return (await call(agent, "GET", `/threads/${await this.thread()}/messages`)).data;
  }

  focused() {
    return this.tab.evaluate(() => (document.activeElement.shadowRoot?.activeElement ?? document.activeElement).id);
  }

  /** The elements that are wider than their place; some scroll sideways on purpose. */
  tooWide() {
    return this.tab.on(`${this.place}switchboard-chat`, ([{ shadowRoot, ownerDocument }]) => {
      const all = [ownerDocument.documentElement, ...shadowRoot.querySelectorAll("#panel, #panel *")];
      const scrolls = (one) => one.closest("pre, .table, textarea") || getComputedStyle(one).overflowX === "hidden";
      const wide = all.filter((one) => !scrolls(one) && one.clientWidth && one.scrollWidth > one.clientWidth + 1);
      return wide.map((one) => one.outerHTML.slice(0, 200));
    });
  }

  /** The distance of the message with these words from the top of the log. */
  topOf(words) {
    const top = ([scroll], words) => {
      const one = [...scroll.querySelectorAll("#log .message > div")].find((one) => one.textContent === words);
      return one.getBoundingClientRect().top - scroll.getBoundingClientRect().top;
    };
    return this.tab.on(this.part("#scroll"), top, words);
  }
}

/** A visitor's thread with a long log, which an agent has written. */
async function longThread() {
  const { id } = await call(visitor.token, "POST", "/threads", { chatbot_id: chatbot });
  await call(agent, "POST", `/threads/${id}/claim`, {});
  for (let n = 1; n <= LONG; n++) await call(agent, "POST", `/threads/${id}/chat`, { text: `Word ${n}` });
  return id;
}

/** Waits for two frames, in which a page draws what came. */
const twoFrames = () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))));

test("the widget greets, and sends by Enter and by its button", async (world) => {
  const chat = await (await shop(world)).opens();
  await chat.sees("#now", GREETING);
  await chat.says("Where is my order?");
  await chat.answers("Where is my order?");
  await chat.writes("And the other one?");
  await chat.press("Send");
  await chat.answers("And the other one?");
  const log = await chat.log();
  assert.deepEqual(log.map(({ role }) => role), ["bot", "customer", "bot", "customer", "bot"]);
  assert.deepEqual(await chat.said(), log.map(({ text }) => text));
  assert.equal(await chat.draft(), "");
  await chat.tab.accessible("an answered question");
  await chat.tab.picture("widget");
});

test("an answer is shown as it comes, and stands once", async (world) => {
  const chat = await (await shop(world)).opens();
  const answer = await model.stops(6);
  await chat.says("Where is my order?");
  await answer.begun();
  await chat.sees("#now .bot > div", "stand-in");
  const streamed = (await chat.tab.texts(chat.part("#now .bot > div"))).at(-1);
  assert.match(streamed, /^This is OpenAI's/);
  assert.doesNotMatch(streamed, /You said/);
  await answer.goesOn();
  await chat.shows("You said");
  assert.deepEqual(await chat.said(), (await chat.log()).map(({ text }) => text));
  assert.equal(await chat.tab.count(chat.part("#now .message")), 0);
});

test("markdown is drawn, with a link that opens a tab of its own", async (world) => {
  const chat = await (await shop(world)).opens();
  await model.says("## Where it is\n\nOn the **van**, see [the map](https://shop.example/map).\n\n1. one\n2. two");
  await chat.says("Where?");
  await chat.shows("Where it is");
  const found = (selector) => chat.tab.texts(chat.part(`#log .markdown ${selector}`));
  assert.deepEqual(await found("h3"), ["Where it is"]);
  assert.deepEqual(await found("strong"), ["van"]);
  assert.deepEqual(await found("ol > li"), ["one", "two"]);
  const linkOf = (all) => all.map(({ href, target, rel }) => [href, target, rel]);
  const map = ["https://shop.example/map", "_blank", "noopener noreferrer nofollow"];
  assert.deepEqual(await chat.tab.on(chat.part("#log a"), linkOf), [map]);
});

test("a reload keeps the conversation and the draft", async (world) => {
  const chat = await (await shop(world)).opens();
  await chat.says("Remember me");
  await chat.shows("You said");
  const [said, thread] = [await chat.said(), await chat.thread()];
  await chat.writes("And what about");
  await chat.tab.reload();
  await chat.opens();
  await chat.shows("You said");
  assert.deepEqual(await chat.said(), said);
  assert.equal(await chat.draft(), "And what about");
  await chat.says(" the rest?");
  await chat.answers("And what about the rest?");
  assert.equal(await chat.thread(), thread);
});

test("two tabs share the conversation", async (world) => {
  const one = await (await shop(world)).opens();
  const other = new Widget(await open(world.profile, `${world.front.url}/shop`));
  await other.opens();
  await one.tab.show();
  await one.says("From the first");
  await one.answers("From the first");
  await other.tab.show();
  await other.answers("From the first");
  await other.says("From the second");
  await other.answers("From the second");
  await one.tab.show();
  await one.answers("From the second");
  assert.deepEqual(await one.said(), await other.said());
  const log = await one.log();
  assert.equal(log.filter(({ role }) => role === "customer").length, 2);
});

test("a person takes over, and the conversation ends and begins anew", async (world) => {
  const chat = await (await shop(world)).opens();
  await chat.says("Where is my order?");
  await chat.answers("Where is my order?");
  await chat.press("Talk to a person");
  await chat.sees("#line", "Waiting for a person");
  const thread = await chat.thread();
  await call(agent, "POST", `/threads/${thread}/claim`, {});
  await call(agent, "POST", `/threads/${thread}/chat`, { text: "Ana here. It is on the van." });
  await chat.shows("Ana here.", "agent");
  await chat.sees("#line", "You are talking to a person");
  await call(agent, "POST", `/threads/${thread}/end`, {});
  await chat.sees("#line", "The conversation has ended");
  await chat.tab.accessible("an ended conversation");
  await chat.press("New conversation");
  await chat.sees("#now", GREETING);
  await chat.says("Once more");
  await chat.answers("Once more");
  assert.notEqual(await chat.thread(), thread);
});

test("without a socket the widget asks for news by itself", async (world) => {
  world.front.refusesSockets = true;
  const chat = await (await shop(world)).opens();
  await chat.says("Can you hear me?");
  await chat.shows("You said");
  const thread = await chat.thread();
  await call(agent, "POST", `/threads/${thread}/claim`, {});
  await call(agent, "POST", `/threads/${thread}/chat`, { text: "Loud and clear." });
  await chat.shows("Loud and clear.", "agent");
  assert.equal((await chat.said()).filter((text) => text === "Loud and clear.").length, 1);
});

test("what is said while the server is away is sent once it is back, and once", async (world) => {
  const chat = await (await shop(world)).opens();
  await chat.says("Hello");
  await chat.answers("Hello");
  world.front.isAway = true;
  await chat.says("Are you there?");
  await chat.sees("#unsent .customer > div", "Are you there?");
  await chat.tab.wait("a refused request", () => world.front.refusedCount > 0);
  world.front.isAway = false;
  await chat.answers("Are you there?");
  await chat.tab.misses(chat.part("#unsent .customer"));
  assert.deepEqual(await chat.said(), (await chat.log()).map(({ text }) => text));
});

test("Tab goes round in the open chat, and back", async (world) => {
  const chat = await (await shop(world)).opens();
  await chat.says("Hello");
  await chat.answers("Hello");
  const stops = async (key) => {
    const ids = [];
    do {
      await chat.tab.press(key);
      ids.push(await chat.focused());
    } while (ids.at(-1) !== "field" && ids.length < 12);
    return ids;
  };
  const forth = await stops("Tab");
  assert.deepEqual([...forth].sort(), ["", "ask", "field", "more", "scroll", "send"]);
  // Backwards from the field to the field.
  const back = await stops("Shift+Tab");
  assert.deepEqual(back, [...forth.slice(0, -1).reverse(), "field"]);
});

test("in Arabic the chat runs from right to left", async (world) => {
  const chat = await (await shop(world, { attributes: 'data-lang="ar"' })).opens();
  await chat.says("مرحبا");
  await chat.answers("مرحبا");
  const [direction, isLeft] = await chat.tab.on(chat.part("#panel"), ([panel]) => [
    getComputedStyle(panel).direction,
    panel.getBoundingClientRect().left < innerWidth / 2,
  ]);
  assert.deepEqual([direction, isLeft], ["rtl", true]);
  assert.deepEqual(await chat.tooWide(), []);
  await chat.tab.accessible("Arabic");
  await chat.tab.picture("arabic");
});

test("Escape closes the chat and gives the focus to the launcher, whose key opens it", async (world) => {
  const chat = await (await shop(world)).opens();
  assert.equal(await chat.focused(), "field");
  await chat.tab.press("Escape");
  await chat.tab.misses(chat.part("#panel"));
  assert.equal(await chat.focused(), "launcher");
  await chat.tab.press("Enter");
  await chat.sees("#field");
  assert.equal(await chat.focused(), "field");
});

test("on a screen of 320 pixels nothing is wider than the screen", async (world) => {
  const chat = await (await shop(world, { narrow: 320 })).opens();
  await model.says(`${"long".repeat(100)} https://shop.example/${"path/".repeat(40)}\n\n\`${"code".repeat(80)}\`\n
| ${"wide ".repeat(20)} | b |\n|---|---|\n| 1 | 2 |`);
  await chat.says("W".repeat(120));
  await chat.shows("long");
  const [panel] = await chat.tab.on(chat.part("#panel"), (all) => all.map((one) => one.getBoundingClientRect().width));
  assert.equal(panel, 320);
  assert.deepEqual(await chat.tooWide(), []);
  await chat.tab.picture("narrow");
});

test("a long log opens at its end, and earlier messages do not move what is read", async (world) => {
  const chat = await (await shop(world, { kept: { thread: await longThread() } })).opens();
  await chat.shows(`Word ${LONG}`, "agent");
  await chat.tab.untilOn(chat.part("#scroll"), ([scroll]) => {
    const newest = [...scroll.querySelectorAll("#log .message")].at(-1).getBoundingClientRect();
    const { top, bottom } = scroll.getBoundingClientRect();
    return newest.top >= top && newest.bottom <= bottom;
  });
  assert.equal((await chat.said()).length, 50);
  await chat.tab.on(chat.part("#earlier"), ([earlier]) => earlier.scrollIntoView());
  await chat.tab.evaluate(twoFrames);
  const before = await chat.topOf("Word 73");
  await chat.press("Earlier messages");
  await chat.tab.untilOn(chat.part("#past > *"), (all) => all.length === 100);
  await chat.tab.evaluate(twoFrames);
  const moved = (await chat.topOf("Word 73")) - before;
  assert.ok(Math.abs(moved) < 2, `moved by ${moved} px`);
});

const reads = async (world) => {
  const thread = await longThread();
  const chat = await (await shop(world, { kept: { thread } })).opens();
  await call(agent, "POST", `/threads/${thread}/release`, { to: "bot" });
  await chat.sees("#line", "AI assistant");
  const answer = await model.stops(3);
  await chat.says("Where is my order?");
  await answer.begun();
  await chat.sees("#now .bot > div", "This is");
  await chat.tab.on(chat.part("#scroll"), ([scroll]) => scroll.scrollBy(0, -600));
  await chat.tab.evaluate(twoFrames);
  const before = await chat.topOf("Word 110");
  await answer.goesOn();
  await chat.shows("You said");
  await chat.tab.evaluate(twoFrames);
  const moved = (await chat.topOf("Word 110")) - before;
  assert.ok(Math.abs(moved) < 2, `moved by ${moved} px`);
};
// WebKit, which has no scroll anchoring, moves such a reader by a line.
if (ENGINE !== "webkit") test("an answer that comes does not move a reader who has scrolled up", reads);

/** Opens the console as the agent. */
async function desk({ front, profile }, hash = "") {
  const tab = await open(profile, `${front.url}/console#token=${agent}`);
  await tab.sees(".console");
  if (hash) await tab.evaluate((hash) => (location.hash = hash), hash);
  return tab;
}

async function newThread(title) {
  return (await call(customer, "POST", "/threads", { chatbot_id: chatbot, title })).id;
}

test("in the console a waiting customer is claimed, answered and given back", async (world) => {
  const title = `Question in ${engine.name} ${Date.now()}`;
  const thread = await newThread(title);
  const tab = await desk(world);
  await tab.sees(".list h1", "Queue");
  await call(customer, "POST", `/threads/${thread}/escalate`, {});
  await tab.sees(".list .row-link", title);
  await tab.on(".list .row-link", (all, title) => all.find((row) => row.textContent.includes(title)).focus(), title);
  await tab.press("Enter");
  await tab.sees(".holder", "Waiting");
  await tab.click("button", "Claim");
  await tab.sees(".holder", "You hold the line");
  await tab.click(".thread .reply textarea");
  await tab.type("Ana here.");
  await tab.press("Enter");
  await tab.sees(".thread .bubble", "Ana here.");
  await tab.click("button", "Note");
  await tab.click(".thread .reply textarea");
  await tab.type("A good customer.");
  await tab.click("button", "Add note");
  await tab.sees("[data-role=note]:not(.unsent)", "A good customer.");
  await tab.accessible("a thread in the console");
  await tab.picture("console");
  await tab.click("button", "To the bot");
  await tab.click("button", "Return to the bot");
  await tab.sees(".holder", "The bot holds the line");
  assert.equal((await call(agent, "GET", `/threads/${thread}`)).status, "bot");
  const log = (await call(agent, "GET", `/threads/${thread}/messages`)).data;
  assert.equal(log.filter(({ role }) => role === "agent").length, 1);
});

test("in the console a long log is scrolled from its end to its beginning", async (world) => {
  const thread = await newThread("A long story");
  await call(agent, "POST", `/threads/${thread}/claim`, {});
  const text = (n) => `Message ${n}. ${"It goes on and on. ".repeat((n * 7) % 23)}`;
  for (let n = 1; n <= LONG; n++) await call(agent, "POST", `/threads/${thread}/chat`, { text: text(n) });
  const tab = await desk(world, thread);
  await tab.sees(".bubble", `Message ${LONG}.`);
  const { seen, blank } = await tab.evaluate(async (count) => {
    const roll = document.querySelector(".virtual-list");
    const frame = () => new Promise(requestAnimationFrame);
    const shown = () => {
      const box = roll.getBoundingClientRect();
      const boxes = [...roll.querySelectorAll(".message")].map((row) => [row, row.getBoundingClientRect()]);
      const isShown = ([, { top, bottom }]) => bottom > box.top && top < box.bottom;
      return boxes.filter(isShown).map(([row]) => row.dataset.key);
    };
    const seen = new Set(shown());
    let blank = 0;
    for (let frames = 0; !seen.has("1") && frames < 3 * count; frames++) {
      roll.scrollTop -= roll.clientHeight * 0.7;
      await frame();
      await frame();
      const keys = shown();
      if (keys.length === 0) blank++;
      keys.forEach((key) => seen.add(key));
    }
    return { seen: seen.size, blank };
  }, LONG);
  // All messages and the greeting; the claim is drawn as a change of owner.
  assert.deepEqual([seen, blank], [LONG + 1, 0]);
  await tab.click(".virtual-list .message");
  await tab.press("End");
  await tab.sees(".bubble", `Message ${LONG}.`);
});

test("the demo page opens its chat, and the reference has its operations", async ({ front, profile }) => {
  const tab = await open(profile, front.url);
  await tab.sees("switchboard-chat >>> #launcher");
  await tab.click("#ask");
  await tab.sees("switchboard-chat >>> #field");
  await tab.accessible("the demo page");
  await tab.goto(`${front.url}/docs`);
  await tab.sees("#chat");
  await tab.sees("#ChatRequest, [id^=error-]");
});
