// The lines of HTML that README.md and docs/embed.md give, each in a page of its own.
//
// `world.mjs` and `chromium.mjs` list the environment variables.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test as facts } from "node:test";

import { launch, watch } from "./chromium.mjs";
import { Chat, TENANT } from "./visitor.mjs";
import { admin, call, customer, url } from "./world.mjs";

const test = (fact, proof) => facts(fact, { timeout: 90_000 }, proof);

const HTML = /^```html.*\n([^]*?)^```$/gm;
const blocksOf = async (file) =>
  [...(await readFile(new URL(`../../${file}`, import.meta.url), "utf8")).matchAll(HTML)].map(([, html]) => html);
const README = await blocksOf("README.md");
const EMBED = await blocksOf("docs/embed.md");

let browser;
let chatbot;
before(async () => {
  const robin = { name: "Robin", model: "gpt-5-mini", instructions: "Be brief.", public: true };
  chatbot = (await call(admin, "POST", "/chatbots", robin)).id;
  browser = await launch();
});
after(() => browser.close());

/** Opens a page with these lines, and says something. Returns the paths of all requests, and the log. */
async function chatIn(t, lines) {
  const html = lines.replaceAll("https://chat.example.com", url).replaceAll("http://127.0.0.1:3000", url);
  const body = `<!doctype html><html lang="en"><title>Shop</title>${html.replaceAll("bot_…", chatbot)}`;
  const context = await browser.newContext();
  t.after(() => context.close());
  const paths = [];
  context.on("request", (request) => paths.push(new URL(request.url()).pathname));
  await context.route(`${url}/shop`, (route) => route.fulfill({ body, contentType: "text/html" }));
  await context.route(`${url}/pages/config.json`, (route) => route.continue({ url: `${url}/config.json` }));
  await context.route(`${url}/chat-token`, (route) => route.fulfill({ body: customer }));
  const page = await context.newPage();
  const chat = new Chat(context, page, watch(page));
  await page.goto(`${url}/shop`);
  await chat.opens();
  await chat.says("Where is my order?");
  await chat.shows("You said");
  await chat.fine();
  return { paths, log: await chat.log() };
}

test("a script alone", async (t) => {
  for (const script of [README[0], EMBED[0]]) {
    assert.match(script, new RegExp(`data-tenant="${TENANT}"`));
    const { paths, log } = await chatIn(t, script);
    assert.ok(paths.includes("/visitors"), paths.join(" "));
    assert.equal(log[0].text, "Where is my order?");
  }
});

test("the element, after its module is loaded", async (t) => {
  await chatIn(t, EMBED[1].replace(' lang="es"', "") + `<script type="module" src="${url}/widget.js"></script>`);
});

test("an element whose pages are named as seen from its page, with and without a slash at the end", async (t) => {
  for (const pages of ["pages", "./pages/", `${url}/pages`]) {
    const element = `<switchboard-chat pages="${pages}" tenant="${TENANT}" chatbot="bot_…"></switchboard-chat>`;
    const { paths } = await chatIn(t, `${element}<script type="module" src="${url}/widget.js"></script>`);
    assert.ok(paths.includes("/pages/config.json") && !paths.includes("/config.json"), paths.join(" "));
  }
});

test("a customer who is logged in", async (t) => {
  const { paths, log } = await chatIn(t, EMBED[2]);
  assert.ok(paths.includes("/chat-token") && !paths.includes("/visitors"), paths.join(" "));
  assert.equal(log[0].author.id, JSON.parse(atob(customer.split(".")[1])).sub);
});

test("there are no other lines", () => assert.deepEqual([README.length, EMBED.length], [1, 3]));
