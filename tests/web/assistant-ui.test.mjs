// Tests of assistant-ui's own transport, with what its runtime adds to each request.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { test } from "node:test";

import { call, customer, log, newThread, tools, url } from "./world.mjs";

const { AssistantChatTransport } = await import(pathToFileURL(tools.resolve("@assistant-ui/react-ai-sdk")));
const { readUIMessageStream } = tools("ai7");

const said = (id, text) => ({ id, role: "user", parts: [{ type: "text", text }] });

/** Sends what assistant-ui sends, and puts the chunks together as it does. */
async function send(transport, chatId, messages) {
  const metadata = { custom: {} };
  const stream = await transport.sendMessages({ chatId, messages, trigger: "submit-message", metadata });
  let last;
  for await (const message of readUIMessageStream({ stream, terminateOnError: true })) last = message;
  return last;
}

const newTransport = () => {
  return new AssistantChatTransport({ api: `${url}/chat`, headers: { authorization: `Bearer ${customer}` } });
};

test("assistant-ui's default transport gets an answer", async () => {
  const thread = await newThread();
  const reply = await send(newTransport(), thread, [said("asked", "Hello?")]);
  const [, answer] = await log(thread);
  assert.deepEqual(reply.parts.filter(({ type }) => type === "text").map(({ text }) => text), [answer.text]);
  assert.equal(reply.metadata.message_id, answer.id);
});

test("it gets one too with the tools, instructions and settings of a page", async () => {
  const thread = await newThread();
  const transport = newTransport();
  const parameters = { type: "object", properties: { city: { type: "string" } } };
  const tools = { weather: { description: "The weather", parameters } };
  const context = { system: "Rhyme.", callSettings: { temperature: 2 }, config: { modelName: "x" }, tools };
  transport.setRuntime({
    thread: { getModelContext: () => context },
    // The application names the thread when the first message is sent.
    threads: { mainItem: { initialize: async () => ({ remoteId: thread }) } },
  });
  const reply = await send(transport, "__LOCALID_x", [said("asked", "Hello?")]);
  assert.equal(reply.metadata.message_id, (await log(thread))[1].id);
  assert.equal((await call(customer, "GET", `/threads/${thread}`)).seq, 2);
});
