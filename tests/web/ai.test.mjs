// Tests of the Vercel AI SDK's own transport, which `useChat` uses, in two major versions, against a running
// Switchboard.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { agent, call, CITED, customer, log, model, newThread, STANDIN, tools, url } from "./world.mjs";

const needsCited = { skip: CITED ? false : "CITED names no thread" };

const said = (id, text) => ({ id, role: "user", parts: [{ type: "text", text }] });
const needsStandin = { skip: STANDIN ? false : "STANDIN names no model to delay" };
const text = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text).join("");

/** The tests for one major version of the SDK. */
function suite(version) {
  const ai = tools(version);
  const { DefaultChatTransport, convertToModelMessages, readUIMessageStream } = ai;
  const { safeValidateUIMessages, validateUIMessages } = ai;
  const transport = new DefaultChatTransport({ api: `${url}/chat`, headers: { authorization: `Bearer ${customer}` } });

  /** Sends what `useChat` would, and puts the chunks together as it would. `chunks` gets them one by one. */
  async function send(chatId, messages, { chunks = [], over = transport, abortSignal } = {}) {
    return read(await over.sendMessages({ chatId, messages, trigger: "submit-message", abortSignal }), chunks);
  }

  /** The last state of the message in a stream of chunks. */
  async function read(sent, chunks = []) {
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
    const [, logged] = await log(thread);
    assert.equal(text(reply), logged.text);
    assert.deepEqual(reply.parts.map((part) => part.state), ["done"]);
    const { id: message_id, seq, at, role } = logged;
    assert.deepEqual(reply.metadata, { thread_id: thread, message_id, seq, at, role, name: "Robin", owner: "bot" });
    // The next turn carries the whole of it, as the SDK does.
    const next = await send(thread, [...messages, reply, said("nextNextNextNext", "And now?")]);
    assert.equal(next.metadata.seq, 4);
  });

  test("where a person holds the line, the thread comes in place of a reply", async () => {
    const thread = await newThread();
    await call(agent, "POST", `/threads/${thread}/claim`);
    const shown = await send(thread, [said("one", "Hello?")]);
    assert.deepEqual(shown.parts.map((part) => [part.type, part.data.status]), [["data-thread", "agent"]]);
    assert.equal(shown.metadata.owner, "agent");
  });

  test("after a stop the next message gets its answer", needsStandin, async () => {
    const thread = await newThread();
    const held = await model.stops(2);
    const stop = new AbortController();
    const stopped = await transport.sendMessages({
      chatId: thread, messages: [said("one", "First")], trigger: "submit-message", abortSignal: stop.signal,
    });
    await held.begun();
    stop.abort();
    await stopped.cancel().catch(() => {});
    const next = await transport.sendMessages({
      chatId: thread, messages: [said("one", "First"), said("two", "Second")], trigger: "submit-message",
    });
    await held.goesOn();
    assert.match(text(await read(next)), /You said: "Second"/);
  });

  test("an edited message is answered anew", async () => {
    const thread = await newThread();
    await send(thread, [said("one", "Helo")]);
    const edited = await send(thread, [said("one", "Hello")]);
    assert.match(text(edited), /You said: "Hello"/);
    const chunks = [];
    const repeated = await send(thread, [said("one", "Hello")], { chunks });
    assert.equal(repeated.metadata.seq, edited.metadata.seq);
    assert.equal(repeated.id, edited.metadata.message_id);
  });

  test("a reload in mid-answer gets it whole", needsStandin, async () => {
    const thread = await newThread();
    const held = await model.stops(2);
    const lost = await transport.sendMessages({
      chatId: thread, messages: [said("one", "Hello")], trigger: "submit-message",
    });
    await held.begun();
    await lost.cancel();
    const resumed = await transport.reconnectToStream({ chatId: thread });
    await held.goesOn();
    const reply = await read(resumed);
    assert.equal(text(reply), (await log(thread))[1].text);
    assert.equal(reply.id, reply.metadata.message_id);
  });

  test("a person's words come on the stream that waits for them", async () => {
    const thread = await newThread();
    await call(agent, "POST", `/threads/${thread}/claim`);
    const waiting = await transport.reconnectToStream({ chatId: thread });
    await call(agent, "POST", `/threads/${thread}/chat`, { text: "Ana here." });
    const words = await read(waiting);
    assert.equal(text(words), "Ana here.");
    assert.deepEqual([words.metadata.role, words.metadata.owner, words.metadata.seq], ["agent", "agent", 2]);
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

  test("the log as the SDK's messages is valid, and a chat goes on from it", async () => {
    const thread = await newThread();
    await send(thread, [said("Ln1Y0kRJ3NLOyEKE", "Hello")]);
    await call(agent, "POST", `/threads/${thread}/chat`, { text: "Ana here." });
    await call(agent, "POST", `/threads/${thread}/release`, { to: "bot" });
    const { data } = await call(customer, "GET", `/threads/${thread}/messages?as=ui`);
    const messages = await validateUIMessages({ messages: data });
    assert.deepEqual(messages.map(({ role, metadata }) => [role, metadata.role]), [
      ["user", "customer"], ["assistant", "bot"], ["assistant", "agent"],
    ]);
    assert.equal(messages[0].id, "Ln1Y0kRJ3NLOyEKE");
    const forModel = await convertToModelMessages(messages);
    assert.deepEqual(forModel.map(({ role }) => role), ["user", "assistant", "assistant"]);
    const next = await send(thread, [...messages, said("next", "And now?")]);
    assert.match(text(next), /And now\?/);
  });

  test("documents are valid parts of the log's messages", needsCited, async () => {
    const { data } = await call(customer, "GET", `/threads/${CITED}/messages?as=ui`);
    const checked = await safeValidateUIMessages({ messages: data });
    assert.ok(checked.success, String(checked.error));
    const sources = checked.data[1].parts.filter(({ type }) => type === "source-document");
    assert.deepEqual(sources.map(({ title }) => title), ["prices.md", "hours.md"]);
  });

  test("where nobody is awaited there is no stream to take up again", async () => {
    assert.equal(await transport.reconnectToStream({ chatId: await newThread() }), null);
  });

  test("a refusal is an error that says why", async () => {
    const unknown = "thr_01JD0000000000000000000000";
    await assert.rejects(send(unknown, [said("one", "Hello?")]), /"code":"not_found"/);
  });
}

for (const version of ["ai6", "ai7"]) describe(version, () => suite(version));
