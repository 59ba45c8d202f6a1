// Tests of web/switchboard.js against a running Switchboard; faults happen on the wire.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, test } from "node:test";

import { SwitchboardError } from "../../web/switchboard.js";
import { newWire, Refused, Silent, unruly } from "./wires.mjs";
import { admin, agent, board, call, customer, JWT_SECRET, Listener, log, model, newThread } from "./world.mjs";
import { PATIENCE, STANDIN, tokenFor } from "./world.mjs";

const needsStandin = { skip: STANDIN ? false : "STANDIN names no stand-in" };
const needsSecret = { skip: JWT_SECRET ? false : "JWT_SECRET is not known" };

/** The id of a thread that does not exist. */
const NOWHERE = "thr_01JD0000000000000000000000";

const boards = [];

/** A `Switchboard` of that person, closed when the test is over. */
function boardOf(token, options) {
  boards.push(board(token, options));
  return boards.at(-1);
}

/** A person in a thread: their client, the thread, and its events so far. */
function person(token, id, options) {
  const theirs = boardOf(token, options);
  const thread = theirs.thread(id);
  return { board: theirs, thread, heard: new Listener(thread) };
}

afterEach(() => boards.splice(0).forEach((each) => each.close()));

/** The text of deltas, put together as a page does it. */
function words(events) {
  let text = "";
  for (const { type, index, text: more } of events) {
    if (type !== "message.delta") continue;
    if (index === 0) text = "";
    assert.equal(index, text.length, "words are missing");
    text += more;
  }
  return text;
}

test("what the bot says before its answer is handed out as it comes", async () => {
  const wire = newWire();
  const { thread, heard } = person(customer, await newThread(), { WebSocket: wire });
  await heard.listens();
  const run = { thread_id: thread.id, run_id: "run_01JD0000000000000000000000" };
  const played = [
    { type: "message.progress", ...run, text: "Looking up your order" },
    { type: "message.delta", ...run, index: 0, text: "It is on" },
    { type: "message.discarded", ...run, reason: "the model is asked again" },
    { type: "message.delta", ...run, index: 0, text: "" },
    { type: "message.delta", ...run, index: 0, text: "At 9." },
  ];
  for (const event of played) wire.last.hears(JSON.stringify(event));
  await heard.until("all of it", () => heard.events.at(-1).text === "At 9.");
  assert.deepEqual(heard.events.filter(({ run_id }) => run_id), played);
});

test("a turn is heard word by word, then as a message", needsStandin, async () => {
  const { thread, heard } = person(customer, await newThread());
  await heard.state("open");
  const held = await model.stops(4);
  const sent = thread.send("Where is my order?");
  await heard.until("the first words", () => words(heard.events));
  assert.equal(heard.log.length, 1);
  await held.goesOn();
  const { message, reply, thread: after } = await sent;
  await heard.through(2);
  assert.deepEqual(heard.log, [message, reply]);
  assert.deepEqual(heard.log, await log(thread.id));
  assert.ok(reply.text.startsWith(words(heard.events)));
  assert.equal(thread.seq, 2);
  assert.equal(after.status, "bot");
});

test("without a WebSocket of one's own, Node's is used", async () => {
  const { thread, heard } = person(customer, await newThread(), { WebSocket: undefined });
  await heard.state("open");
  const { message, reply } = await thread.send("Hello?");
  await heard.through(2);
  assert.deepEqual(heard.log, [message, reply]);
});

test("what is sent shows in its own thread though no socket lives", async () => {
  const { thread, heard } = person(customer, await newThread(), { WebSocket: Silent });
  const { message, reply } = await thread.send("Hello?");
  assert.deepEqual([message, reply].map(({ seq }) => seq), [1, 2]);
  await heard.through(2);
  assert.deepEqual(heard.log, [message, reply]);
});

test("a socket killed in mid-answer comes back, and each message once", needsStandin, async () => {
  const wire = newWire();
  const { thread, heard } = person(customer, await newThread(), { WebSocket: wire });
  await heard.state("open");
  const held = await model.stops(3);
  const sent = thread.send("Tell me a story.");
  await heard.until("the first words", () => words(heard.events));
  wire.last.cut();
  await heard.state("open", 2);
  await held.goesOn();
  const { reply } = await sent;
  await heard.message("the answer", ({ id }) => id === reply.id);
  assert.deepEqual(heard.log, await log(thread.id));
  assert.deepEqual(heard.states, ["connecting", "open", "connecting", "open"]);
  assert.equal(wire.all.length, 2);
});

test("what was said while the socket was away is heard when it is back", async () => {
  const wire = newWire();
  const { thread, heard } = person(customer, await newThread(), { WebSocket: wire });
  await heard.state("open");
  const { id } = thread;
  wire.last.cut();
  await call(customer, "POST", `/threads/${id}/chat`, { text: "From elsewhere" });
  await call(agent, "POST", `/threads/${id}/chat`, { text: "Ana here." });
  await heard.message("Ana", ({ text }) => text === "Ana here.");
  assert.deepEqual(heard.log, await log(id));
});

test("a wire that loses, doubles and mixes up what it carries spoils no log", async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const wire = unruly(seed);
  const id = await newThread();
  const { thread, heard } = person(customer, id, { WebSocket: wire, pingEvery: 500, patience: 2000 });
  const say = (token, text) => call(token, "POST", `/threads/${id}/chat`, { text });
  for (let n = 0; n < 8; n++) {
    await thread.send(`Question ${n}`);
    await say(customer, `Question ${n} from elsewhere`);
    if (n % 3 === 0) wire.last?.cut();
  }
  for (let n = 0; n < 30; n++) await say(agent, `Remark ${n}`);
  const whole = await log(id);
  await heard.through(whole.length);
  assert.deepEqual(heard.log, whole, `with SEED=${seed}`);
});

test("nothing is handed out before what is missing, which is asked for again", async () => {
  const wire = newWire();
  const { thread, heard } = person(customer, await newThread(), { WebSocket: wire });
  await heard.listens();
  const { last } = wire;
  last.arrives = (data) => {
    const { type, seq } = JSON.parse(data);
    if (type === "message.created" && seq === 2) delete last.arrives;
    else last.hears(data);
  };
  for (const text of ["one", "two"]) await call(agent, "POST", `/threads/${thread.id}/chat`, { text });
  await heard.through(3);
  assert.deepEqual(heard.log, await log(thread.id));
  assert.deepEqual([...new Set(wire.said("subscribe").map(({ threads }) => threads[thread.id]))], [0, 1]);
});

test("more than one batch is replayed to its end", async () => {
  const id = await newThread();
  for (let n = 0; n < 230; n++) await call(agent, "POST", `/threads/${id}/chat`, { text: `Remark ${n}` });
  const wire = newWire();
  const { heard } = person(customer, id, { WebSocket: wire, holeAfter: 60_000 });
  await heard.through(231);
  assert.deepEqual(heard.log, await log(id));
  assert.deepEqual(wire.said("subscribe").map(({ threads }) => threads[id]), [0, 200]);
});

test("a thread is listened to from where one has got to", async () => {
  const id = await newThread();
  for (const text of ["one", "two", "three"]) await call(agent, "POST", `/threads/${id}/chat`, { text });
  const thread = boardOf(customer).thread(id, { after: 2 });
  const heard = new Listener(thread);
  await heard.through(4);
  assert.deepEqual(heard.log.map(({ text }) => text), ["two", "three"]);
});

test("a text too long for a frame is read by REST, in its place", async () => {
  const id = await newThread();
  const { heard } = person(customer, id);
  await heard.state("open");
  const long = "🛎".repeat(32_000);
  await call(agent, "POST", `/threads/${id}/chat`, { text: long });
  await call(agent, "POST", `/threads/${id}/chat`, { text: "In short: yes." });
  await heard.through(3);
  assert.equal(heard.log[1].text, long);
  assert.deepEqual(heard.log, await log(id));
});

test("an answer that gets lost is asked for again, and the message said once", async () => {
  const asked = [];
  const lossy = async (path, init) => {
    const answer = await fetch(path, init);
    if (init.method !== "POST") return answer;
    asked.push(JSON.parse(init.body).client_id);
    if (asked.length > 2) return answer;
    await answer.text();
    throw new TypeError("fetch failed");
  };
  const { thread, heard } = person(customer, await newThread(), { fetch: lossy });
  await heard.state("open");
  const { message, reply } = await thread.send("Once, please.");
  await heard.through(2);
  assert.equal(asked.length, 3);
  assert.equal(new Set(asked).size, 1);
  assert.deepEqual(await log(thread.id), [message, reply]);
  assert.deepEqual(heard.log, [message, reply]);
});

/** A fetch that responds to POSTs with these statuses before it lets one through. */
function answering(...refusals) {
  const tried = { times: 0 };
  tried.fetch = async (path, init) => {
    if (init.method !== "POST" || init.signal.aborted) return fetch(path, init);
    tried.times++;
    const next = refusals.shift();
    if (!next) return fetch(path, init);
    const [status, code, headers] = next;
    return new Response(JSON.stringify({ status, code, detail: "for the test" }), { status, headers });
  };
  return tried;
}

test("what passes is tried again", async () => {
  const tried = answering([503, "busy"], [502, "upstream"], [429, "over_budget", { "Retry-After": "1" }]);
  const { thread, heard } = person(customer, await newThread(), { fetch: tried.fetch });
  await heard.state("open");
  const began = Date.now();
  await thread.send("Hello?");
  assert.equal(tried.times, 4);
  assert.ok(Date.now() - began >= 1000, "Retry-After is kept to");
  assert.equal((await log(thread.id)).length, 2);
});

test("a refusal is an error in the server's words, at once", async () => {
  const tried = answering();
  const { thread, board: theirs, heard } = person(customer, await newThread(), { fetch: tried.fetch });
  await heard.state("open");
  const empty = await thread.send("   ").catch((error) => error);
  assert.ok(empty instanceof SwitchboardError);
  assert.deepEqual([empty.status, empty.code, empty.field], [400, "invalid", "text"]);
  assert.equal(empty.message, empty.detail);
  assert.equal(tried.times, 1);
  const budget = answering([429, "over_budget"]);
  const other = person(customer, thread.id, { fetch: budget.fetch });
  await other.heard.state("open");
  await assert.rejects(other.thread.send("Hello?"), { status: 429, code: "over_budget" });
  await assert.rejects(theirs.request("GET", `/threads/${NOWHERE}`), { status: 404, code: "not_found" });
  await assert.rejects(theirs.request("GET", "/chatbots"), { status: 403, code: "forbidden" });
  await assert.rejects(boardOf("nonsense").request("GET", "/threads"), { status: 401, code: "unauthenticated" });
});

test("a send that is given up ends at once, and sends nothing more", async () => {
  const tried = answering([503, "busy", { "Retry-After": "60" }]);
  const { thread, heard } = person(customer, await newThread(), { fetch: tried.fetch });
  await heard.state("open");
  const began = Date.now();
  const giveUp = new AbortController();
  const sent = thread.send("Hello?", { signal: giveUp.signal });
  // By then it waits for its next attempt.
  setTimeout(() => giveUp.abort(), 100);
  await assert.rejects(sent, { name: "AbortError" });
  assert.ok(Date.now() - began < PATIENCE);
  assert.deepEqual(await log(thread.id), []);
});

test("where sockets are refused the log is polled, and an answer heard as it comes", needsStandin, async () => {
  const { thread, heard } = person(customer, await newThread(), { WebSocket: Refused });
  await heard.state("polling");
  const held = await model.stops(4);
  const sent = thread.send("Where is my order?");
  await heard.until("the first words", () => words(heard.events));
  await held.goesOn();
  const { reply } = await sent;
  assert.equal(words(heard.events), reply.text);
  await call(agent, "POST", `/threads/${thread.id}/chat`, { text: "Ana here." });
  await heard.message("Ana", ({ text }) => text === "Ana here.");
  assert.deepEqual(heard.log, await log(thread.id));
});

test("where sockets never open the log is polled too", async () => {
  const { thread, heard } = person(customer, await newThread(), { WebSocket: Silent, patience: 100 });
  await heard.state("polling");
  await call(agent, "POST", `/threads/${thread.id}/chat`, { text: "Ana here." });
  await heard.message("Ana", ({ text }) => text === "Ana here.");
});

test("a socket that opens after all ends the polling", async () => {
  const wire = newWire();
  let refusals = 4;
  const late = function (...how) {
    return refusals-- > 0 ? new Refused() : new wire(...how);
  };
  const asked = answering();
  const { thread, heard } = person(customer, await newThread(), { WebSocket: late, fetch: asked.fetch });
  await heard.state("polling");
  await heard.state("open");
  await call(agent, "POST", `/threads/${thread.id}/chat`, { text: "Ana here." });
  await heard.message("Ana", ({ text }) => text === "Ana here.");
  await thread.send("Thank you.");
  await heard.through(3);
  assert.equal(asked.times, 1, "with a socket there is no stream besides");
  assert.deepEqual(heard.log, await log(thread.id));
});

test("a poll that is refused says why", async () => {
  const { heard } = person(customer, NOWHERE, { WebSocket: Refused });
  const { code, thread_id } = await heard.until("the error", () => heard.of("error")[0]);
  assert.deepEqual([code, thread_id], ["not_found", NOWHERE]);
});

test("a subscription that is refused says why", async () => {
  const { heard } = person(customer, NOWHERE);
  const { code } = await heard.until("the error", () => heard.of("error")[0]);
  assert.equal(code, "not_found");
});

/** Returns these tokens one after the other, and the last one from then on. */
function tokens(...all) {
  const source = () => (source.asked++, all.length > 1 ? all.shift() : all[0]);
  source.asked = 0;
  return source;
}

test("a token that is refused is renewed, for REST and for the socket", async () => {
  const id = await newThread();
  const rest = tokens("old", customer);
  assert.deepEqual((await boardOf(rest).request("GET", `/threads/${id}`)).id, id);
  assert.equal(rest.asked, 2);
  const wire = newWire();
  const { heard } = person(tokens("old", customer), id, { WebSocket: wire });
  await heard.state("open");
  assert.deepEqual(wire.all.map(({ protocols }) => protocols[1]), ["bearer.old", `bearer.${customer}`]);
  const vain = tokens("old");
  await assert.rejects(boardOf(vain).request("GET", `/threads/${id}`), { status: 401 });
  assert.equal(vain.asked, 2);
});

test("a token that could not be had is asked for again", async () => {
  const id = await newThread();
  const failing = () => {
    let asked = 0;
    return async () => {
      if (!asked++) throw new Error("not yet");
      return customer;
    };
  };
  const rest = boardOf(failing());
  await assert.rejects(rest.request("GET", `/threads/${id}`), { code: "network", detail: "not yet" });
  assert.equal((await rest.request("GET", `/threads/${id}`)).id, id);
  const { heard } = person(failing(), id);
  await heard.state("open");
});

test("a token that ends while the socket is open is renewed", needsSecret, async () => {
  const wire = newWire();
  const source = tokens(tokenFor(3), customer);
  const { thread, heard } = person(source, await newThread(), { WebSocket: wire, pingEvery: 300, holeAfter: 500 });
  await heard.state("open", 2);
  assert.equal(source.asked, 2);
  assert.equal(wire.all.length, 2);
  assert.equal(wire.last.protocols[1], `bearer.${customer}`);
  await call(agent, "POST", `/threads/${thread.id}/chat`, { text: "Still there?" });
  await heard.message("Ana", ({ text }) => text === "Still there?");
  assert.deepEqual(heard.of("error"), []);
  assert.equal(wire.said("subscribe").length, 2, "nothing was missing, so nothing was asked for again");
});

test("all threads are subscribed to in as few frames as there can be", async () => {
  const ids = await Promise.all(Array.from({ length: 60 }, newThread));
  const wire = newWire();
  const theirs = boardOf(customer, { WebSocket: wire, holeAfter: 5000 });
  const all = ids.map((id) => new Listener(theirs.thread(id)));
  const subscribed = () => wire.last.said.filter(({ action }) => action === "subscribe");
  const frames = () => subscribed().map(({ threads }) => Object.keys(threads).length);
  const last = ids.at(-1);
  await call(agent, "POST", `/threads/${last}/chat`, { text: "Hello" });
  await all.at(-1).through(2);
  assert.deepEqual(frames(), [50, 10]);
  wire.last.cut();
  await Promise.all(all.map((heard) => heard.state("open", 2)));
  await call(agent, "POST", `/threads/${last}/chat`, { text: "Back" });
  await all.at(-1).through(3);
  assert.deepEqual(frames(), [50, 10]);
  assert.equal(wire.last.said[1].threads[last], 2, "from where one has got to");
  assert.deepEqual(all.at(-1).log, await log(last));
});

test("threads that are opened later, and closed, are told to the socket that there is", async () => {
  const wire = newWire();
  const [one, two] = [await newThread(), await newThread()];
  const { board: theirs, thread, heard } = person(customer, one, { WebSocket: wire });
  await heard.state("open");
  const later = theirs.thread(two);
  const heardLater = new Listener(later);
  await call(agent, "POST", `/threads/${two}/chat`, { text: "Hello" });
  await heardLater.through(2);
  assert.equal(theirs.thread(one), thread);
  thread.close();
  await heard.done;
  assert.deepEqual(wire.said("unsubscribe"), [{ action: "unsubscribe", thread_id: one }]);
  assert.notEqual(theirs.thread(one), thread);
  assert.equal(wire.all.length, 1);
});

test("a socket that does not answer is replaced", async () => {
  const wire = newWire();
  const { thread, heard } = person(customer, await newThread(), { WebSocket: wire, pingEvery: 100, patience: 500 });
  await heard.state("open");
  wire.last.arrives = () => {};
  await heard.state("open", 2);
  await call(agent, "POST", `/threads/${thread.id}/chat`, { text: "Hello" });
  await heard.through(2);
  assert.deepEqual(heard.log, await log(thread.id));
});

test("a ping brings what nobody told", async () => {
  const wire = newWire();
  const { thread, heard } = person(customer, await newThread(), { WebSocket: wire, pingEvery: 200 });
  await heard.listens();
  const { last } = wire;
  // The broadcast is lost; the response to the ping is not.
  last.arrives = (data) => JSON.parse(data).type === "pong" && (delete last.arrives, last.hears(data));
  await call(agent, "POST", `/threads/${thread.id}/chat`, { text: "Hello" });
  await heard.through(2);
  assert.equal(wire.all.length, 1);
});

test("agents hear of the whole tenant in the inbox", async () => {
  const wire = newWire();
  const theirs = boardOf(agent, { WebSocket: wire });
  const heard = new Listener(theirs.inbox());
  const follows = (times) => heard.until("the subscription", () => heard.of("subscribed").length >= times);
  await follows(1);
  const escalated = async () => {
    const id = await newThread();
    await call(customer, "POST", `/threads/${id}/escalate`, {});
    return heard.until("the escalation", () => heard.of("thread.updated").find(({ thread_id }) => thread_id === id));
  };
  assert.equal((await escalated()).thread.status, "queued");
  wire.last.cut();
  await follows(2);
  assert.equal((await escalated()).thread.status, "queued");
});

test("a change of owner is heard with the thread as it is then", async () => {
  const { thread, heard } = person(customer, await newThread());
  await heard.listens();
  await call(agent, "POST", `/threads/${thread.id}/claim`, {});
  const { thread: claimed } = await heard.until("the claim", () => heard.of("thread.updated").at(-1));
  assert.equal(claimed.status, "agent");
  await heard.through(1);
  assert.equal(heard.log[0].event.type, "claimed");
});

test("a note is resolved with, and heard once, by agents alone", async () => {
  const id = await newThread();
  const ana = person(agent, id);
  const ada = person(admin, id);
  const cleo = person(customer, id);
  await Promise.all([ana, ada, cleo].map(({ heard }) => heard.listens()));
  const { note } = await ana.thread.send("Careful with this one.", { internal: true });
  await ada.heard.until("the note", () => ada.heard.of("note.created")[0]);
  await ana.thread.send("Hello");
  await Promise.all([ana, ada, cleo].map(({ heard }) => heard.through(2)));
  for (const { heard } of [ana, ada]) assert.deepEqual(heard.of("note.created").map((event) => event.note), [note]);
  assert.deepEqual(cleo.heard.of("note.created"), []);
});

test("what a run had said is void when a person takes over, and agents get it as a draft", needsStandin, async () => {
  const id = await newThread();
  const cleo = person(customer, id);
  const ana = person(agent, id);
  await Promise.all([cleo, ana].map(({ heard }) => heard.listens()));
  const held = await model.stops(4);
  const sent = cleo.thread.send("Tell me more.");
  await Promise.all([cleo, ana].map(({ heard }) => heard.until("the first words", () => words(heard.events))));
  await ana.board.request("POST", `/threads/${id}/claim`, {});
  await held.goesOn();
  const { reply } = await sent;
  assert.equal(reply, null);
  const discarded = ({ heard }) => heard.until("the end of it", () => heard.of("message.discarded").at(-1));
  assert.equal((await discarded(cleo)).draft, undefined);
  await ana.heard.until("the draft", () => ana.heard.of("message.discarded").some(({ draft }) => draft));
  assert.deepEqual(cleo.heard.log.map(({ role }) => role), ["customer", "system"]);
});

test("others hear who types, who is there, and how far somebody has read", async () => {
  const wire = newWire();
  const id = await newThread();
  const cleo = person(customer, id, { WebSocket: wire });
  const ana = person(agent, id);
  await Promise.all([cleo, ana].map(({ heard }) => heard.listens()));
  const both = ({ present }) => present.length === 2;
  await Promise.all([cleo, ana].map(({ heard }) => heard.until("both", () => heard.of("presence").some(both))));

  for (const on of [true, true, true, false, false]) cleo.thread.typing(on);
  const typing = () => ana.heard.of("typing");
  await ana.heard.until("the end of the typing", () => typing().some(({ on }) => !on) && typing().some(({ on }) => on));
  assert.equal(typing()[0].who.role, "customer");
  assert.deepEqual(wire.said("typing").map(({ on }) => on), [true, false]);

  await ana.thread.send("Ana here.");
  await cleo.heard.through(2);
  for (const seq of [1, 2, 2, 1]) cleo.thread.read(seq);
  const { who } = await ana.heard.until("the reading", () => ana.heard.of("read").find(({ seq }) => seq === 2));
  assert.equal(who.role, "customer");
  assert.deepEqual(wire.said("read").map(({ seq }) => seq), [1, 2]);

  cleo.board.close();
  await ana.heard.until("her leaving", () => ana.heard.of("presence").at(-1).present.length === 1);
});

test("what was read while there was no socket is told over the next", async () => {
  const wire = newWire();
  const id = await newThread();
  await call(agent, "POST", `/threads/${id}/chat`, { text: "Hello" });
  const { thread, heard } = person(customer, id, { WebSocket: wire });
  await heard.through(2);
  wire.last.cut();
  await heard.state("connecting", 2);
  const ana = person(agent, id);
  await ana.heard.listens();
  thread.read(2);
  await ana.heard.until("the reading", () => ana.heard.of("read").some(({ seq }) => seq === 2));
  assert.deepEqual(wire.said("read"), [{ action: "read", thread_id: id, seq: 2 }]);
});

test("iterators lose nothing, however slow or late they are", async () => {
  const id = await newThread();
  const thread = boardOf(customer).thread(id);
  await call(agent, "POST", `/threads/${id}/chat`, { text: "one" });
  while (thread.seq < 2) await new Promise(setImmediate);
  // Earlier events are kept for the first iterator; the second one gets events from now on.
  const [first, second] = [new Listener(thread), new Listener(thread)];
  for (const text of ["two", "three"]) await call(agent, "POST", `/threads/${id}/chat`, { text });
  await first.through(4);
  await second.through(4);
  assert.deepEqual(first.log.map(({ seq }) => seq), [1, 2, 3, 4]);
  assert.deepEqual(second.log.map(({ seq }) => seq), [3, 4]);
  assert.deepEqual(second.states, ["open"]);
  for await (const event of thread) if (event.type === "connection") break;
  await call(agent, "POST", `/threads/${id}/chat`, { text: "four" });
  await first.through(5);
  thread.close();
  await Promise.all([first.done, second.done]);
  assert.equal(second.log.at(-1).text, "four");
});

test("a board that is closed ends its iterators and requests, and rejects what is asked of it later", async () => {
  const id = await newThread();
  const { board: theirs, thread, heard } = person(customer, id);
  const inbox = new Listener(theirs.inbox());
  await heard.state("open");
  theirs.close();
  await Promise.all([heard.done, inbox.done]);
  assert.equal(heard.states.at(-1), "closed");
  await assert.rejects(thread.send("Too late"), { code: "closed", status: 0 });
  for await (const event of theirs.thread(await newThread())) assert.equal(event.state, "closed");
});

test("a process ends once its board is closed", async () => {
  const id = await newThread();
  const script = `
    import { board, customer } from ${JSON.stringify(new URL("world.mjs", import.meta.url).href)};
    import { Refused } from ${JSON.stringify(new URL("wires.mjs", import.meta.url).href)};
    const slow = { backOff: 1e6, backOffMost: 1e6 };
    const mine = board(customer, slow);
    const blocked = board(customer, { ...slow, WebSocket: Refused });
    for (const each of [mine, blocked]) await each.thread(${JSON.stringify(id)}).send("Hello");
    for await (const { state } of mine.thread(${JSON.stringify(id)})) if (state === "open") break;
    // By then the blocked one waits for its next attempt.
    await new Promise((go) => setTimeout(go, 200));
    for (const each of [mine, blocked]) each.close();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit", timeout: PATIENCE });
  assert.deepEqual(await once(child, "exit"), [0, null]);
});
