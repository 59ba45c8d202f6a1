// Runs the lines for a terminal in docs/clients.md: wscat, and the frames that are pasted into it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { call, customer, log, newThread, socketUrl, tools } from "./world.mjs";

const docs = await readFile(new URL("../../docs/clients.md", import.meta.url), "utf8");
const blocks = [...docs.matchAll(/^```sh[^\n]*\n(.*?)^```$/gms)].map(([, block]) => block);
const [connects, listens] = blocks.filter((block) => block.includes("npx wscat"));
const frames = blocks.find((block) => block.includes("<<FRAMES"));

const variables = (thread) => ({ ...process.env, CUSTOMER: customer, THREAD: thread });

/** Runs a block on this server; `heard(type)` waits for the next event of that type. */
function wscat(t, block, thread) {
  const program = `'${process.execPath}' '${tools.resolve("wscat/bin/wscat")}'`;
  const script = block.replace("npx wscat", `exec ${program}`).replace("ws://127.0.0.1:3000/ws", socketUrl);
  assert.ok(script.includes(program) && script.includes(socketUrl));
  const shell = spawn("sh", ["-c", script], { env: variables(thread), stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => shell.kill());
  const lines = createInterface(shell.stdout)[Symbol.asyncIterator]();
  const heard = async (type) => {
    for (let line; !(line = await lines.next()).done; ) {
      const [json] = /\{.*\}/.exec(line.value) ?? [];
      const event = JSON.parse(json ?? "{}");
      assert.notEqual(event.type, "error", json);
      if (event.type === type) return event;
    }
    throw new Error(`wscat ended before ${type}`);
  };
  return { paste: (line) => shell.stdin.write(`${line}\n`), heard };
}

test("wscat connects with a header, and the frames can be pasted", { timeout: 20_000 }, async (t) => {
  const thread = await newThread();
  await call(customer, "POST", `/threads/${thread}/chat`, { text: "Hello" });
  const { paste, heard } = wscat(t, connects, thread);
  // A line before it is connected is lost.
  const pings = setInterval(() => paste('{"action": "ping"}'), 50);
  t.after(() => clearInterval(pings));
  await heard("pong");
  clearInterval(pings);
  const lines = execFileSync("sh", ["-c", frames], { env: variables(thread), encoding: "utf8" }).trim().split("\n");
  assert.equal(lines.length, 4);
  paste(lines[0]);
  assert.equal((await heard("message.created")).message.text, "Hello");
  assert.equal((await heard("subscribed")).seq, 2);
  for (const line of lines.slice(1)) paste(line);
  // The same messages come at most once a second.
  const asks = setInterval(() => paste(lines[3]), 200);
  t.after(() => clearInterval(asks));
  assert.equal((await heard("message.created")).seq, 2);
});

test("wscat subscribes and listens in one line", { timeout: 20_000 }, async (t) => {
  const thread = await newThread();
  const { heard } = wscat(t, listens, thread);
  await heard("subscribed");
  await call(customer, "POST", `/threads/${thread}/chat`, { text: "Hello" });
  assert.deepEqual((await heard("message.created")).message, (await log(thread))[0]);
});
