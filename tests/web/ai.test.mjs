// Tests of the Vercel AI SDK's own transport, which `useChat` uses, in two major versions, against a running Switchboard.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";

const tools = createRequire(`${process.env.NODE_TOOLS}/`);
const { SWITCHBOARD_URL: url, CUSTOMER: token, ADMIN: admin, AGENT: agent } = process.env;

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

const said = (id, text) => ({ id, role: "user", parts: [{ type: "text", text }] });
const text = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text).join("");

/** The tests for one major version of the SDK. */
function suite(version) {
  const { DefaultChatTransport, readUIMessageStream } = tools(version);
  const transport = new DefaultChatTransport({ api: `${url}/chat`, headers: { authorization: `Bearer ${token}` } });

  /** Sends what `useChat` would, and puts the chunks together as it would. */
  async function send(chatId, messages) {
    const stream = await transport.sendMessages({ chatId, messages, trigger: "submit-message" });
    let last;
    for await (const message of readUIMessageStream({ stream })) last = message;
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

  test("there is no stream to take up again", async () => {
    assert.equal(await transport.reconnectToStream({ chatId: await newThread() }), null);
  });

  test("a refusal is an error that says why", async () => {
    const unknown = "thr_01JD0000000000000000000000";
    await assert.rejects(send(unknown, [said("one", "Hello?")]), /"code":"not_found"/);
  });
}

for (const version of ["ai6", "ai7"]) describe(version, () => suite(version));
