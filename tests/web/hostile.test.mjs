// Hostile and heavy texts in the widget and the console, and hostile links to the console, in a browser.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";

import { consoleOf as consoleBy } from "./agent.mjs";
import { launch } from "./chromium.mjs";
import { visit } from "./visitor.mjs";
import { admin, agent, call, customer, JWT_SECRET, tokenFor, url } from "./world.mjs";

/** Sets `window.broken` where it runs. */
const RUN = "top.broken=(top.broken||0)+1";

/** Texts that would run a script, load something, or leave their place, if they were taken for more than text. */
const HOSTILE = [
  `<script>${RUN}</script>`,
  `"><script>${RUN}</script>`,
  `</script><script>${RUN}</script>`,
  `</style><script>${RUN}</script>`,
  `</textarea><script>${RUN}</script>`,
  `</title><img src=x onerror="${RUN}">`,
  `<img src=x onerror="${RUN}">`,
  `<img src=x:x onerror=${RUN}//`,
  `<IMG SRC="javascript:${RUN}">`,
  `<svg onload="${RUN}">`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin="${RUN}" attributeName=x dur=1s>`,
  `<math><mtext><img src=x onerror="${RUN}"></mtext></math>`,
  `<body onload="${RUN}">`,
  `<iframe srcdoc="<script>${RUN}</script>"></iframe>`,
  `<iframe src="javascript:${RUN}"></iframe>`,
  `<object data="javascript:${RUN}"></object>`,
  `<embed src="https://evil.example/x.swf">`,
  `<video><source onerror="${RUN}"></video>`,
  `<audio src=x onerror="${RUN}">`,
  `<details open ontoggle="${RUN}">x</details>`,
  `<input autofocus onfocus="${RUN}">`,
  `<select autofocus onfocus="${RUN}"><option>x</select>`,
  `<marquee onstart="${RUN}">x</marquee>`,
  `<a href="javascript:${RUN}">click</a>`,
  `<form action="javascript:${RUN}"><button autofocus>x</button></form>`,
  `<base href="https://evil.example/">`,
  `<meta http-equiv="refresh" content="0;url=https://evil.example/">`,
  `<link rel=stylesheet href="https://evil.example/x.css">`,
  `<style>*{display:none!important}@import "https://evil.example/x.css"</style>`,
  `<template><script>${RUN}</script></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<!--<img src="--><img src=x onerror=${RUN}//">`,
  `<![CDATA[<img src=x onerror=${RUN}>]]>`,
  `&lt;img src=x onerror=${RUN}&gt;`,
  `&#60;script&#62;${RUN}&#60;/script&#62;`,
  `\\u003cscript\\u003e${RUN}\\u003c/script\\u003e`,
  `[click](javascript:${RUN})`,
  `[click](JaVaScRiPt:${RUN})`,
  `[click](java\tscript:${RUN})`,
  `[click](data:text/html,<script>${RUN}</script>)`,
  `[click](vbscript:${RUN})`,
  `![x](https://evil.example/pixel.png)`,
  `[![x](https://evil.example/pixel.png)](https://evil.example/)`,
  `[x]: javascript:${RUN}\n\n[x]`,
  `<javascript:${RUN}>`,
  `\`\`\`html\n<script>${RUN}</script>\n\`\`\``,
  `| <img src=x onerror=${RUN}> | b |\n|---|---|\n| <script>${RUN}</script> | c |`,
  `{{constructor.constructor('${RUN}')()}}`,
  `\${${RUN}}`,
  `';${RUN};//`,
  `"};${RUN};({"a":"`,
  `\u202E<script>${RUN}</script>\u202D gnp.exe`,
  `\u2066\u2067\u2068 isolates that nobody closes \u202B\u202E`,
  `${"\u0301\u0489".repeat(300)} stacked marks`,
  `${"W".repeat(3000)}`,
  `${"漢".repeat(3000)}`,
  `\u0000\u0001\u001b[31mred\u001b[0m\u0007`,
];

/** Names by which they could reach the page: a title, metadata, a chatbot. Short ones, as these may be. */
const NAMES = HOSTILE.map((text) => text.slice(0, 100));

const open = [];
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());
afterEach(async () => {
  for (const { context } of open.splice(0)) await context.close();
});

async function consoleOf(token, options) {
  const desk = await consoleBy(browser, token, options);
  open.push(desk);
  return desk;
}

const newChatbot = (fields) =>
  call(admin, "POST", "/chatbots", { name: "Robin", model: "gpt-5-mini", instructions: "Be brief.", ...fields });

/** Fails if a script ran, an element came out of a text, or the page asked for something or grew sideways. */
async function unharmed({ page, wrong }, root) {
  assert.deepEqual(wrong, []);
  assert.equal(await page.evaluate(() => window.broken), undefined, "a script ran");
  const found = await page.evaluate((root) => {
    const host = document.querySelector(root);
    const inside = host.shadowRoot ?? host;
    const elements = "img, iframe, object, embed, base, meta, video, audio, marquee, math, link[href*=evil]";
    const scripts = "script:not([src]), [onerror], [onload], [onfocus], [onclick], [onbegin], [ontoggle]";
    const bad = [...inside.querySelectorAll(`${elements}, ${scripts}`)].map((node) => node.outerHTML.slice(0, 100));
    const links = [...inside.querySelectorAll("a[href]")].map((link) => new URL(link.href).protocol);
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth + 1;
    return { bad, links: links.filter((protocol) => !/^(https?|mailto):$/.test(protocol)), wide };
  }, root);
  assert.deepEqual(found, { bad: [], links: [], wide: false });
}

test("hostile texts are text in the console: messages, titles, metadata, names, notes, previews", async () => {
  const desk = await consoleOf(agent);
  let shown = 0;
  for (const [at, name] of NAMES.entries()) {
    if (at % 10) continue;
    const few = HOSTILE.slice(at, at + 10);
    const chatbot = await newChatbot({ name, greeting: few[0].slice(0, 4000) });
    const metadata = Object.fromEntries(few.map((text, n) => [`${n}${text}`.slice(0, 64), text.slice(0, 512)]));
    const fields = { chatbot_id: chatbot.id, title: name, metadata: { ...metadata, name } };
    const thread = await call(customer, "POST", "/threads", fields);
    await call(customer, "POST", `/threads/${thread.id}/escalate`, { reason: name });
    await call(agent, "POST", `/threads/${thread.id}/claim`);
    for (const text of few) {
      await call(customer, "POST", `/threads/${thread.id}/chat`, { text });
      await call(agent, "POST", `/threads/${thread.id}/chat`, { text });
      await call(agent, "POST", `/threads/${thread.id}/chat`, { text, internal: true });
      shown += 3;
    }
    await desk.opens(thread);
    await desk.bubbles.first().waitFor();
    await desk.page.locator(".virtual-list").press("Home");
    await desk.page.locator(".virtual-list").press("End");
    await desk.page.locator("#thread-details").evaluate((details) => details.showPopover());
    await unharmed(desk, ".console");
    await call(agent, "POST", `/threads/${thread.id}/end`);
  }
  console.log(`${HOSTILE.length} hostile texts, ${shown} of them shown in the console`);
  assert.ok(HOSTILE.length >= 48);
});

test("hostile texts are text in the widget, and stay in its log", async () => {
  const chatbot = await newChatbot({ name: NAMES[0], greeting: HOSTILE.slice(0, 8).join("\n\n"), public: true });
  const chat = await visit(browser, { chatbot: chatbot.id });
  open.push(chat);
  await chat.opens();
  await chat.says("Hello");
  await chat.shows("Hello", "customer");
  const id = await chat.thread();
  await call(agent, "POST", `/threads/${id}/claim`);
  for (const text of HOSTILE) await call(agent, "POST", `/threads/${id}/chat`, { text });
  await call(agent, "POST", `/threads/${id}/chat`, { text: "That was all." });
  await chat.shows("That was all.", "agent");
  await unharmed(chat, "switchboard-chat");
  await chat.fine();
  await chat.button("More").click();
  const transcript = await readFile(await (await chat.downloads()).path(), "utf8");
  for (const text of HOSTILE) assert.ok(transcript.includes(text), text.slice(0, 100));
  assert.match(transcript, /ana: That was all\.\n/);
  await unharmed(chat, "switchboard-chat");
});

test("hostile texts are text in the editor of a chatbot and in its preview", async () => {
  const desk = await consoleOf(agent);
  for (const [at, name] of NAMES.entries()) {
    if (at % 10) continue;
    const few = HOSTILE.slice(at, at + 10);
    const { id } = await newChatbot({ name, greeting: few.join("\n\n").slice(0, 4000), instructions: few.join("\n") });
    await desk.page.evaluate((id) => (location.hash = id), id);
    await desk.until((name) => document.querySelector("#field-name")?.value === name, name);
    await desk.button("Start a conversation").click();
    await desk.page.locator(".preview [data-role=bot]").first().waitFor();
    for (const text of few) {
      await desk.page.getByLabel("Message to the bot").fill(text);
      await desk.page.getByLabel("Message to the bot").press("Enter");
    }
    await desk.page.getByLabel("Message to the bot").fill("That was all.");
    await desk.page.getByLabel("Message to the bot").press("Enter");
    await desk.sees("That was all.", ".preview");
    // Several messages may have one answer.
    await desk.until(() => {
      const last = [...document.querySelectorAll(".preview [data-role]")].at(-1);
      return last?.matches("[data-role=bot]:has(.bubble:not([aria-busy=true]))");
    });
    await desk.page.locator(".preview .virtual-list").press("Home");
    await desk.page.locator(".preview .virtual-list").press("End");
    await unharmed(desk, ".console");
  }
});

test("a thread of 33 of the heaviest messages opens in the console, with all of them", async () => {
  const chatbot = await newChatbot({ name: "Wren" });
  const { id } = await call(customer, "POST", "/threads", { chatbot_id: chatbot.id, title: "Heavy" });
  await call(customer, "POST", `/threads/${id}/escalate`);
  for (let said = 1; said <= 33; said++) {
    await call(customer, "POST", `/threads/${id}/chat`, { text: `${said}.`.padEnd(32_000, "\u0001") });
  }
  const desk = await consoleOf(agent);
  await desk.opens({ id });
  await desk.sees("33.", ".bubble");
  await desk.until(() => {
    const list = document.querySelector(".virtual-list");
    list.scrollTop = 0;
    return list.textContent.includes("started the conversation") || list.textContent.includes("1.\u0001");
  });
  assert.deepEqual(desk.wrong, []);
  await call(agent, "POST", `/threads/${id}/end`);
});

test("a link with no token, or with half of one, signs nobody out", { skip: !JWT_SECRET }, async () => {
  const desk = await consoleOf(agent);
  const expired = tokenFor(-10, { sub: "ana", role: "agent" });
  const links = ["", "=", "=x", "=a.b.c", "=%", `=${customer}`, `=${expired}`, "=<img src=x onerror=alert(1)>"];
  for (const link of links) {
    for (const opens of ["in the tab", "anew"]) {
      if (opens === "anew") await desk.page.goto("about:blank");
      await desk.page.goto(`${url}/console#token${link}`);
      await desk.page.locator(".toast", { hasText: "token was ignored" }).first().waitFor();
      await desk.page.locator(".console").waitFor();
      assert.ok(!desk.page.url().includes("token"), link);
      assert.equal(await desk.page.evaluate(() => sessionStorage["switchboard.token"]), agent, link);
    }
  }
  assert.deepEqual(desk.wrong, []);
});

test("a link with another person's token asks before it signs in", { skip: !JWT_SECRET }, async () => {
  const desk = await consoleOf(agent);
  const others = [
    ["mia", tokenFor(600, { sub: "mia", role: "agent", name: "Mia" })],
    ["umbrella", tokenFor(600, { sub: "ana", role: "agent", tenant: "umbrella" })],
  ];
  for (const [, other] of others) {
    await desk.page.goto("about:blank");
    await desk.page.goto(`${url}/console#token=${other}`);
    await desk.sees("Sign in as somebody else?", "dialog");
    assert.ok(!desk.page.url().includes("token"));
    await desk.button("Stay signed in").click();
    await desk.page.locator(".console").waitFor();
    assert.equal(await desk.page.evaluate(() => sessionStorage["switchboard.token"]), agent);
  }
  const [[, mia]] = others;
  await desk.page.goto(`${url}/console#token=${mia}`);
  await desk.sees("Mia (acme)", "dialog");
  await desk.page.locator("dialog").getByRole("button", { name: "Sign in", exact: true }).click();
  await desk.until((token) => sessionStorage["switchboard.token"] === token, mia);
  // A new token of the same person needs no question.
  const renewed = tokenFor(1200, { sub: "mia", role: "agent", name: "Mia" });
  await desk.page.goto("about:blank");
  await desk.page.goto(`${url}/console#token=${renewed}`);
  await desk.page.locator(".console").waitFor();
  assert.equal(await desk.page.evaluate(() => sessionStorage["switchboard.token"]), renewed);
  assert.equal(await desk.page.locator("dialog").count(), 0);
  assert.deepEqual(desk.wrong, []);
});
