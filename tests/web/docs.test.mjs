// The reference at /docs: every operation is there, its curl lines can be pasted, and its requests can be sent.
//
// `world.mjs` and `chromium.mjs` list the environment variables.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { accessible, launch, picture, watch } from "./chromium.mjs";
import { call, customer, newThread, url } from "./world.mjs";

const run = promisify(execFile);
const document = await (await fetch(`${url}/openapi.json`)).json();
const wires = await (await fetch(`${url}/asyncapi.json`)).json();

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function opened(t, options) {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"], ...options });
  const page = await context.newPage();
  const wrong = watch(page);
  t.after(async () => (await context.close(), assert.deepEqual(wrong, [])));
  await page.goto(`${url}/docs`);
  await page.locator("#chat").waitFor();
  return page;
}

test("each operation, event, frame, error and shape has a section", async (t) => {
  const page = await opened(t);
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const ids = [
    ...operations.map((it) => it.operationId),
    ...Object.keys(wires.components.messages).map((name) => `wire-${name}`),
    ...Object.keys(document.components.responses).map((code) => `error-${code}`),
    ...Object.keys(document.components.schemas),
  ];
  const missing = await page.evaluate((ids) => ids.filter((id) => !globalThis.document.getElementById(id)), ids);
  assert.deepEqual(missing, []);
  const dead = await page.evaluate(() => [...globalThis.document.querySelectorAll('a[href^="#"]')].map((link) =>
    link.hash.slice(1)).filter((id) => !globalThis.document.getElementById(id)));
  assert.deepEqual(dead, []);
  await accessible(page);
  await picture(page, "docs");
});

test("a request is sent with the token, and its curl line does the same", async (t) => {
  const page = await opened(t);
  await page.getByText("Without a token, requests").waitFor();
  await page.locator("#token").fill(customer);
  await page.getByText("You are the customer cus of acme.").waitFor();
  const section = page.locator("#chat");
  await section.getByText("Try it").click();
  await section.getByLabel("thread_id").fill(await newThread());
  await section.getByLabel("Body").fill(JSON.stringify({ text: "It's me. Where is my order?", client_id: "m1" }));
  await section.getByRole("button", { name: "Send" }).click();
  await section.getByRole("status").getByText(/^200\n/).waitFor();
  const shown = JSON.parse((await section.getByRole("status").textContent()).slice(4));
  assert.equal(shown.message.text, "It's me. Where is my order?");
  await picture(page, "docs-sent");

  await section.getByRole("button", { name: "Copy" }).click();
  await section.getByRole("button", { name: "Copied" }).waitFor();
  const line = await page.evaluate(() => navigator.clipboard.readText());
  const { stdout } = await run("sh", ["-c", `${line} -s`]);
  assert.equal(JSON.parse(stdout).message.id, shown.message.id);
});

test("query parameters and the idempotency key are sent where they are filled in", async (t) => {
  const page = await opened(t);
  await page.locator("#token").fill(customer);
  const chatbot = (await call(customer, "GET", `/threads/${await newThread()}`)).chatbot_id;
  const answered = async (section) => {
    const [request] = await Promise.all([
      page.waitForRequest((request) => request.url().includes("/threads")),
      section.getByRole("button", { name: "Send" }).click(),
    ]);
    await section.getByRole("status").getByText(/^20[01]\n/).waitFor();
    return request;
  };
  const line = (section) => section.locator("pre", { hasText: /^curl / }).textContent();
  const create = page.locator("#createThread");
  await create.getByText("Try it").click();
  await create.getByLabel("Body").fill(JSON.stringify({ chatbot_id: chatbot }));
  assert.equal((await answered(create)).headers()["idempotency-key"], undefined);
  const key = `it's ${Date.now()}`;
  await create.getByLabel("Idempotency-Key").fill(key);
  assert.equal((await answered(create)).headers()["idempotency-key"], key);
  const { id } = JSON.parse((await create.getByRole("status").textContent()).slice(4));
  const { stdout } = await run("sh", ["-c", `${await line(create)} -s`]);
  assert.equal(JSON.parse(stdout).id, id);

  const list = page.locator("#listThreads");
  await list.getByText("Try it").click();
  await list.getByLabel("limit").fill("1");
  assert.equal(new URL((await answered(list)).url()).search, "?limit=1");
  const listed = await run("sh", ["-c", `${await line(list)} -s`]);
  assert.equal(JSON.parse(listed.stdout).data.length, 1);
});

test("an example is a request that the API understands", async (t) => {
  const page = await opened(t);
  await page.locator("#token").fill(customer);
  const section = page.locator("#getThread");
  await section.getByText("Try it").click();
  await section.getByRole("button", { name: "Send" }).click();
  await section.getByRole("status").getByText(/^404\n/).waitFor();
});

test("the page is whole on a phone and in the dark", async (t) => {
  const page = await opened(t, { viewport: { width: 375, height: 700 }, colorScheme: "dark" });
  const width = await page.evaluate(() => globalThis.document.documentElement.scrollWidth);
  assert.ok(width <= 375, `${width}`);
  await accessible(page);
  await picture(page, "docs-phone");
});
