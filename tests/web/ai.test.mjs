// Tests of the Vercel AI SDK's own transport, which `useChat` uses, in two major versions, against a running Switchboard.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";

const tools = createRequire(`${process.env.NODE_TOOLS}/`);
const { SWITCHBOARD_URL: url, CUSTOMER: token, ADMIN: admin, AGENT: agent, CITED } = process.env;

async function call(method, path, bearer, body) {
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

async function newThread() {
  const chatbot = await call("POST", "/chatbots", admin, { name: "Robin", model: "gpt-5-mini", instructions: "Be brief." });
  return (await call("POST", "/threads", token, { chatbot_id: chatbot.id })).id;
}

const needsCited = { skip: CITED ? false : "CITED names no thread" };

const said = (id, text) => ({ id, role: "user", parts: [{ type: "text", text }] });
const text = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text).join("");

/** The tests for one major version of the SDK. */
function suite(version) {
  const { DefaultChatTransport, readUIMessageStream } = tools(version);
  const transport = new DefaultChatTransport({ api: `${url}/chat`, headers: { authorization: `Bearer ${token}` } });

  /** Sends what `useChat` would, and puts the chunks together as it would. `chunks` gets them one by one. */
  async function send(chatId, messages, { chunks = [], over = transport } = {}) {
    const sent = await over.sendMessages({ chatId, messages, trigger: "submit-message" });
    const stream = sent.pipeThrough(
      new TransformStream({ transform: (chunk, control) => (chunks.push(chunk), control.enqueue(chunk)) }),
    );
    let last;
    for await (const message of readUIMessageStream({ stream, terminateOnError: true })) last = message;
    return last;
  }

  test("a reply is streamed, and is the log's", async () => {
    const thread = await newThread();
    const messages = [said("Ln1Y0kRJ3NLOyEKE", "Hello")];
    const reply = await send(thread, messages);
    const log = (await call("GET", `/threads/${thread}/messages`, token)).data;
    assert.equal(text(reply), log[1].text);
    assert.deepEqual(reply.parts.map((part) => part.state), ["done"]);
    assert.equal(reply.metadata.message_id, log[1].id);
    // The next turn carries the whole of it, as the SDK does.
    const next = await send(thread, [...messages, reply, said("nextNextNextNext", "And now?")]);
    assert.equal(next.metadata.seq, 4);
  });

  test("where a person holds the line, the thread comes in place of a reply", async () => {
    const thread = await newThread();
    await call("POST", `/threads/${thread}/claim`, agent);
    const shown = await send(thread, [said("one", "Hello?")]);
    assert.deepEqual(shown.parts.map((part) => [part.type, part.data.status]), [["data-thread", "agent"]]);
  });

  test("a cut answer ends for its length, and its documents are sources", needsCited, async () => {
    const chunks = [];
    const asked = said("asked", "What does an anvil cost, and when are you open?");
    const reply = await send(CITED, [asked], { chunks });
    const parts = reply.parts.map((part) => [part.type, part.text ?? part.title, part.mediaType]);
    assert.deepEqual(parts, [
      ["text", "An anvil is 40 euro, and we are open from", undefined],
      ["source-document", "prices.md", "text/plain"],
      ["source-document", "hours.md", "text/plain"],
    ]);
    assert.equal(new Set(reply.parts.map(({ sourceId }) => sourceId)).size, 3);
    assert.equal(chunks.at(-1).finishReason, "length");
    // The next turn carries the sources too.
    const next = await send(CITED, [asked, reply, said(`next ${version}`, "And on Sundays?")]);
    assert.match(text(next), /And on Sundays/);
  });

  test("progress is heard and not kept, and a second try stands after the void first one", async () => {
    const played = [
      { type: "start" },
      { type: "data-progress", data: { text: "Looking up your order" }, transient: true },
      { type: "text-start", id: "text-1" },
      { type: "text-delta", id: "text-1", delta: "It is on" },
      { type: "text-end", id: "text-1" },
      { type: "data-discarded", data: { part: "text-1", reason: "the model is asked again" } },
      { type: "text-start", id: "text-2" },
      { type: "text-delta", id: "text-2", delta: "At 9." },
      { type: "text-end", id: "text-2" },
      { type: "finish", finishReason: "content-filter" },
    ];
    const lines = [...played.map((chunk) => JSON.stringify(chunk)), "[DONE]"];
    const body = lines.map((data) => `data: ${data}\n\n`).join("");
    const headers = { "content-type": "text/event-stream" };
    const over = new DefaultChatTransport({ api: `${url}/chat`, fetch: async () => new Response(body, { headers }) });
    const chunks = [];
    const reply = await send("thr_01JD0000000000000000000000", [said("one", "When?")], { chunks, over });
    assert.deepEqual(chunks, played);
    assert.deepEqual(reply.parts.map(({ type }) => type), ["text", "data-discarded", "text"]);
  });

  test("there is no stream to take up again", async () => {
    assert.equal(await transport.reconnectToStream({ chatId: await newThread() }), null);
  });

  test("a refusal is an error that says why", async () => {
    const unknown = "thr_01JD0000000000000000000000";
    await assert.rejects(send(unknown, [said("one", "Hello?")]), /"code":"not_found"/);
  });
}

for (const version of ["ai6", "ai7"]) describe(version, () => suite(version));
