// Tests of web/ui-messages.js: the log of a thread, and the messages that `useChat` has.

import assert from "node:assert/strict";
import { test } from "node:test";

import { merge, toUIMessage } from "../../web/ui-messages.js";

const message = (seq, role, text, more) => {
  const author = { id: role, name: role };
  return { id: `msg_${seq}`, thread_id: "thr_1", seq, role, author, text, at: "now", ...more };
};
const asked = (id, text) => ({ id, role: "user", parts: [{ type: "text", text }] });
const streamed = (text, metadata) => {
  return { id: "stream", role: "assistant", parts: [{ type: "text", text }], ...(metadata && { metadata }) };
};
const texts = (messages) => messages.map(({ parts }) => parts.map(({ text }) => text).join(""));
/** The texts, after what is merged is merged again without a change. */
function merged(log, current, isBusy = false) {
  const messages = merge(log, current, isBusy);
  assert.equal(merge(log, messages, isBusy), messages);
  return messages;
}

const GREETING = message(1, "bot", "Welcome!");
const ASKED = message(2, "customer", "Where is it?", { client_id: "mine" });
const REPLY = message(3, "bot", "On the van.", { answers: { from: 2, through: 2 } });
const ANA = message(4, "agent", "Ana here.");

test("a chat without messages has those of the log, and keeps them", () => {
  const claimed = message(5, "system", "", { event: { type: "claimed" } });
  const messages = merged([GREETING, ASKED, REPLY, ANA, claimed], []);
  assert.deepEqual(messages.map(({ role }) => role), ["assistant", "user", "assistant", "assistant"]);
  assert.deepEqual(messages.map(({ id }) => id), ["msg_1", "mine", "msg_3", "msg_4"]);
  assert.equal(merge([GREETING, ASKED, REPLY, ANA, claimed], messages, true), messages);
});

test("a message that is not in the log yet is the last, and is placed once it is", () => {
  const first = message(2, "agent", "Ana here.");
  assert.deepEqual(texts(merged([GREETING, first], [asked("mine", "Hello?")])), ["Welcome!", "Ana here.", "Hello?"]);
  const log = [GREETING, message(2, "customer", "Hello?", { client_id: "mine" }), message(3, "agent", "Yes?")];
  const messages = merged(log, [toUIMessage(GREETING), asked("mine", "Hello?")]);
  assert.deepEqual(texts(messages), ["Welcome!", "Hello?", "Yes?"]);
  assert.equal(messages[1].metadata.seq, 2);
});

test("while a stream is read the bot's answer is left to it, and a person's message is not", () => {
  const current = [asked("mine", "Where is it?"), streamed("On the")];
  const log = [GREETING, ASKED, REPLY];
  assert.deepEqual(texts(merged(log, current, true)), ["Welcome!", "Where is it?", "On the"]);
  const spoken = [GREETING, ASKED, message(3, "agent", "Ana here.")];
  assert.deepEqual(texts(merged(spoken, current, true)), ["Welcome!", "Where is it?", "On the", "Ana here."]);
});

test("an answer that came by the stream and by the log is there once, as the stream's", () => {
  const current = [asked("mine", "Where is it?"), streamed("On the van.", { message_id: "msg_3", seq: 3 })];
  const messages = merged([ASKED, REPLY], current);
  assert.deepEqual(messages.map(({ id, metadata }) => [id, metadata.role]), [
    ["mine", "customer"],
    ["stream", "bot"],
  ]);
  assert.equal(merged([ASKED, REPLY], [...messages, toUIMessage(REPLY)]).length, 2);
});

test("words that were stopped stay behind their question, until the log goes on without them", () => {
  const stopped = [asked("mine", "Where is it?"), streamed("On the")];
  assert.deepEqual(texts(merged([ASKED], stopped)), ["Where is it?", "On the"]);
  const log = [ASKED, message(3, "customer", "Hello?", { client_id: "next" })];
  const next = merged(log, [...stopped, asked("next", "Hello?")]);
  assert.deepEqual(texts(next), ["Where is it?", "On the", "Hello?"]);
  assert.deepEqual(texts(merged([ASKED, REPLY], stopped)), ["Where is it?", "On the van."]);
  const claimed = message(3, "system", "", { event: { type: "claimed" } });
  assert.deepEqual(texts(merged([ASKED, claimed], stopped)), ["Where is it?"]);
});

test("an answer that started over has only its last text", () => {
  const written = streamed("On the van.", { message_id: "msg_3", seq: 3 });
  const parts = [{ type: "text", text: "Near" }, { type: "data-discarded", data: {} }, ...written.parts];
  const over = { ...written, parts };
  const messages = merged([ASKED, REPLY], [asked("mine", "Where is it?"), over]);
  assert.deepEqual(texts(messages), ["Where is it?", "On the van."]);
});

test("a stream that brought two replies is the last of them, and each is there once", () => {
  const next = message(3, "customer", "And now?", { client_id: "next" });
  const [first, second] = [message(4, "bot", "On the van."), message(5, "bot", "Near you.")];
  const both = streamed("On the van.Near you.", { message_id: "msg_5", seq: 5, role: "bot" });
  const messages = merged([ASKED, next, first, second], [asked("mine", "Where is it?"), both]);
  assert.deepEqual(texts(messages), ["Where is it?", "And now?", "On the van.", "Near you."]);
});

test("a customer's and an agent's message may have the same client_id", () => {
  const log = [message(1, "customer", "Hello?", { client_id: "m1" }), message(2, "agent", "Yes?", { client_id: "m1" })];
  assert.deepEqual(merged(log, []).map(({ id }) => id), ["m1", "msg_2"]);
  const messages = merged(log, [asked("m1", "Hello?")]);
  assert.deepEqual(messages.map(({ id, role }) => [id, role]), [["m1", "user"], ["msg_2", "assistant"]]);
});

test("a message without words, as of a person's line, is none", () => {
  const silent = { id: "stream", role: "assistant", parts: [{ type: "data-thread", data: {} }] };
  assert.equal(merged([ASKED], [asked("mine", "Where is it?"), silent], true).length, 2);
  assert.equal(merged([ASKED], [asked("mine", "Where is it?"), silent]).length, 1);
});

test("an edited message is a new one, behind what the log keeps", () => {
  const log = [ASKED, REPLY, ANA];
  const current = [{ ...asked("mine", "Where is my order?") }, streamed("On")];
  assert.deepEqual(texts(merged(log, current, true)), ["Ana here.", "Where is my order?", "On"]);
  log.push(message(5, "customer", "Where is my order?", { client_id: "mine~0123456789abcdef" }));
  const both = ["Where is it?", "On the van.", "Ana here.", "Where is my order?", "On"];
  const told = merged(log, current, true);
  assert.deepEqual(texts(told), both);
  assert.equal(new Set(told.map(({ id }) => id)).size, told.length);
});

test("an edited message that was refused is what it was", () => {
  const messages = merged([ASKED, REPLY, ANA], [asked("mine", "Where is my order?")]);
  assert.deepEqual(texts(messages), ["Where is it?", "On the van.", "Ana here."]);
});

test("sources are documents, each with an id of its own", () => {
  const { parts } = toUIMessage({ ...REPLY, sources: [{ document: "prices.md" }, { document: "hours.md" }] });
  assert.deepEqual(parts.slice(1).map(({ sourceId, title }) => [sourceId, title]), [
    ["msg_3-0", "prices.md"],
    ["msg_3-1", "hours.md"],
  ]);
});
