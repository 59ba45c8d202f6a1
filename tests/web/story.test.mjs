// The whole story in two browser windows, a visitor's and an agent's, from the first question to the transcript.
//
// `world.mjs` and `chromium.mjs` list the environment variables. It needs the stand-in.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { consoleOf } from "./agent.mjs";
import { launch, picture } from "./chromium.mjs";
import { TENANT, visit } from "./visitor.mjs";
import { wire } from "./wires.mjs";
import { admin, agent, call, log, model, requests } from "./world.mjs";

const NOTE = "He is our best customer, and hard of hearing.";
const ORDER = "It is on the van, and will be there at noon.";

let browser;
let chatbot;
before(async () => {
  const robin = { name: "Robin", model: "gpt-5-mini", instructions: "Be brief.", greeting: "Welcome!", public: true };
  chatbot = (await call(admin, "POST", "/chatbots", robin)).id;
  browser = await launch();
});
after(() => browser.close());

test("the whole story, in two windows", { timeout: 120_000 }, async (t) => {
  const [theirs, ours] = [await wire(t), await wire(t)];
  const visitor = await visit(browser, { chatbot, network: theirs });
  const overheard = hearEverything(visitor.page);
  const ana = await consoleOf(browser, agent, { height: 2000, before: (context) => prepared(context, ours) });
  await ana.button("Alerts").click();
  const shot = (name) => Promise.all([picture(visitor.page, `story-${name}-visitor`), picture(ana.page, `story-${name}-agent`)]);

  // The visitor asks, and the bot streams: its first words are there before the last ones are.
  await visitor.opens();
  await visitor.part("now").getByText("Welcome!").waitFor();
  const answer = await model.stops(6);
  await visitor.says("Where is my order?");
  await answer.begun();
  await visitor.part("now").getByText("This is OpenAI's").waitFor();
  assert.equal(await visitor.page.getByText("You said").count(), 0);
  await shot("1-streaming");
  await answer.goesOn();
  await visitor.shows("You said");

  // That was no help: a person is asked for. Their window says that somebody will come, and how to leave; the console rings.
  const rung = await ana.page.evaluate(() => window.notes);
  await visitor.button("Talk to a person").click();
  await visitor.part("waiting").waitFor();
  await visitor.part("waiting").getByRole("button").waitFor();
  await ana.page.waitForFunction((rung) => window.notes > rung, rung);
  await ana.sees("is waiting for a person.", "[aria-live=polite]");
  await ana.until(() => /^\(\d+\) Switchboard$/.test(document.title));
  await visitor.says("It is urgent!");
  await visitor.shows("It is urgent!", "customer");
  const thread = await visitor.thread();
  const row = ana.page.locator(`.list .row-link[href="#${thread}"]`);
  await row.getByText(/^\d+ s$/).waitFor();
  await row.locator(".unread").waitFor();
  await shot("2-waiting");
  await row.click();
  await ana.sees("It is urgent!", ".bubble");
  await ana.sees(/Waiting \d+ s/, ".holder");
  await ana.button("Claim").click();
  await ana.sees("You hold the line", ".holder");
  await visitor.page.getByText("took over").waitFor();

  // The bot may try again, she thinks, but it begins as it did before. So she takes the line in mid-answer: what it had said
  // is withdrawn from the visitor's window, and offered to her.
  const second = await model.stops(6);
  await ana.button("To the bot").click();
  await ana.button("Return to the bot").click();
  await second.begun();
  const streamed = visitor.part("now").locator(".bot > div");
  await streamed.getByText("This is OpenAI's").waitFor();
  await ana.sees("This is OpenAI's", "[data-kind=run] .words");
  await shot("3-again");
  await ana.button("Claim").click();
  await ana.sees("You hold the line", ".holder");
  await visitor.page.getByText("An unfinished answer was withdrawn").waitFor();
  await streamed.waitFor({ state: "detached" });
  await ana.button("Use this draft").click();
  assert.match(await ana.reply.inputValue(), /^This is OpenAI's/);
  await shot("4-taken-over");

  // She says it better. They see each other type.
  await ana.reply.press("End");
  await ana.reply.pressSequentially(" … no. Ana here.");
  await visitor.part("typing").getByText("is typing").waitFor({ state: "attached" });
  await ana.reply.press("Enter");
  await visitor.shows("Ana here.", "agent");
  assert.equal(await visitor.part("title").textContent(), "ana");
  await second.goesOn();
  await ana.sees("Seen", "[data-role=agent]");
  await visitor.part("field").pressSequentially("At last");
  await ana.sees("is typing…", ".typing");
  await visitor.part("field").press("Enter");
  await ana.sees("At last", ".bubble");
  await shot("5-talking");

  // The visitor's network goes. What she says meanwhile, and what they write, arrives when it is back, and once.
  theirs.cut();
  await visitor.context.setOffline(true);
  await visitor.part("notice").getByText("You are offline").waitFor();
  await ana.says(ORDER);
  await ana.sees(ORDER, ".bubble");
  await visitor.says("Are you still there?");
  await visitor.part("unsent").getByText("Sending…").waitFor();
  await shot("6-cut");
  theirs.mend();
  await visitor.context.setOffline(false);
  await visitor.shows(ORDER, "agent");
  await visitor.shows("Are you still there?", "customer");
  await ana.sees("Are you still there?", ".bubble");

  // Then hers does.
  ours.cut();
  await ana.context.setOffline(true);
  await ana.sees("You are offline", ".banner");
  await visitor.says("Hello?");
  await visitor.shows("Hello?", "customer");
  await ana.says("Sorry, a tunnel.");
  await ana.sees("Sending…", ".unsent");
  ours.mend();
  await ana.context.setOffline(false);
  await ana.sees("Hello?", ".bubble");
  await visitor.shows("Sorry, a tunnel.", "agent");
  await ana.page.locator(".unsent").waitFor({ state: "detached" });

  // A note is for her colleagues. Then the line is the bot's, and it knows what was said, but not the note.
  await ana.button("Note").click();
  await ana.reply.fill(NOTE);
  await ana.button("Add note").click();
  await ana.sees(NOTE, "[data-role=note]:not(.unsent)");
  await ana.button("To the bot").click();
  await ana.button("Return to the bot").click();
  await visitor.page.getByText("The assistant answers again").last().waitFor();
  await visitor.says("When was it again?");
  await visitor.shows("When was it again?");
  const asked = (await requests("POST", "/v1/responses")).map(({ body }) => JSON.stringify(body)).join("\n");
  for (const said of [ORDER, "Sorry, a tunnel.", "Ana here."]) assert.ok(asked.includes(said), said);
  assert.ok(!asked.includes(NOTE));
  await shot("7-the-bot-knows");

  // The visitor ends it, and keeps what was said.
  await visitor.button("More").click();
  await visitor.button("End conversation").click();
  await visitor.button("New conversation").waitFor();
  await ana.sees("Ended", ".holder");
  await visitor.button("More").click();
  const [download] = await Promise.all([
    visitor.page.waitForEvent("download"),
    visitor.button("Download transcript").click(),
  ]);
  const transcript = await readFile(await download.path(), "utf8");
  await shot("8-ended");

  // The log is the truth, and all of them have it: each message once, and in order.
  const messages = await log(thread);
  const said = messages.filter(({ role }) => role !== "system").map(({ text }) => text);
  const told = messages.map(({ role, event }) => event?.type ?? role).join(" ");
  assert.equal(
    told,
    "bot customer bot escalated customer claimed released claimed agent customer agent customer customer agent " +
      "released customer bot ended",
  );
  assert.deepEqual(await visitor.bubbles(), said.map(squeezed));
  const hers = await ana.bubbles.locator(".words").allTextContents();
  assert.deepEqual(hers.map(squeezed), said.map(squeezed).toSpliced(-2, 0, NOTE));
  const pills = await ana.page.locator(".pill").allTextContents();
  assert.deepEqual(pills, ["Bot", "Waiting", "You", "Bot", "You", "Bot", "Ended"]);
  let from = 0;
  for (const text of said) {
    from = transcript.indexOf(text, from) + text.length;
    assert.ok(from >= text.length, `${text}\nis missing behind\n${transcript.slice(0, from)}`);
  }
  const speakers = [...transcript.matchAll(/(Robin|You|ana): /g)].map(([, name]) => name);
  const names = { bot: "Robin", customer: "You", agent: "ana" };
  assert.deepEqual(speakers, messages.filter(({ role }) => role in names).map(({ role }) => names[role]));

  // Nothing of the note ever came near the visitor, and nothing went wrong that nobody saw.
  assert.ok(overheard().includes(ORDER));
  assert.ok(!overheard().includes(NOTE));
  assert.deepEqual([...visitor.wrong, ...ana.wrong], []);
  await visitor.fine();
  await Promise.all([visitor.context.close(), ana.context.close()]);
});

const squeezed = (text) => text.replace(/\s+/g, " ").trim();

/** Her browser: over this wire, with ears. */
async function prepared(context, network) {
  await context.route("**/config.json", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), ...network.config } });
  });
  await context.addInitScript(() => {
    window.notes = 0;
    const { createOscillator } = BaseAudioContext.prototype;
    BaseAudioContext.prototype.createOscillator = function () {
      window.notes++;
      return createOscillator.call(this);
    };
  });
}

/** All that a page is told, by answers and by sockets. */
function hearEverything(page) {
  const heard = [];
  page.on("response", async (response) => heard.push(await response.text().catch(() => "")));
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => heard.push(String(payload))));
  return () => heard.join("\n");
}
