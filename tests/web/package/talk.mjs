// A customer who asks and hears the bot's answer, in the runtime that runs this. `SOCKET` is `own`, `ws` or `none`.

import assert from "node:assert/strict";
import process from "node:process";

import { Switchboard } from "@switchboard-chat/client";
// A server may load the widget, to render a page that has one.
import { SwitchboardChat } from "@switchboard-chat/client/widget";

const { SWITCHBOARD_URL: url, SWITCHBOARD_SOCKET: socketUrl, CUSTOMER: token, CHATBOT, SOCKET } = process.env;

assert.equal(typeof SwitchboardChat, "function");
assert.throws(() => new Switchboard({ url, socketUrl, token, WebSocket: {} }), TypeError);

const warnings = [];
console.warn = (text) => warnings.push(text);
const WebSocket = SOCKET === "ws" ? (await import("ws")).WebSocket : undefined;
const board = new Switchboard({ url, socketUrl, token, WebSocket });
const { id } = await board.request("POST", "/threads", { chatbot_id: CHATBOT });
const thread = board.thread(id);

const states = [];
const texts = [];
let sent;
for await (const event of thread) {
  if (event.type === "connection") states.push(event.state);
  const isReady = ["open", "polling"].includes(states.at(-1));
  if (isReady) sent ??= thread.send("Where is my order?", { client_id: "asked" });
  if (event.type === "message.created" && event.message.role !== "system") texts.push(event.message.text);
  if (texts.some((text) => text.includes("You said"))) break;
}
assert.ok(texts.includes("Where is my order?"));
assert.equal((await sent).reply.text, texts.at(-1));
assert.equal(states.at(-1), SOCKET === "none" ? "polling" : "open");
assert.deepEqual(warnings.map((text) => /no `WebSocket`/.test(text)), SOCKET === "none" ? [true] : []);
board.close();
