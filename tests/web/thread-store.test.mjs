// Tests of web/thread-store.js, the store of the React hooks: a thread whose client is shared, and failing requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { storeOf } from "../../web/thread-store.js";
import { agent, board, call, customer, Listener, newThread, PATIENCE } from "./world.mjs";

const FIRST_PAGE = /\/messages\?limit=\d+$/;
const says = (thread, text) => call(agent, "POST", `/threads/${thread}/chat`, { text });

/** A client whose responses to some requests are held back. `answered` is there once the server has answered one. */
function holding(isHeld) {
  let [answer, release] = [];
  const answered = new Promise((resolve) => (answer = resolve));
  const released = new Promise((resolve) => (release = resolve));
  const fetchHeld = async (address, request) => {
    const response = await fetch(address, request);
    if (!isHeld(address, request)) return response;
    answer();
    await released;
    return response;
  };
  return { client: board(customer, { fetch: fetchHeld }), answered, release };
}

/** A client whose first request for a page of messages is answered by this status. */
function failing(status) {
  let failed = false;
  const fetchFailing = async (address, request) => {
    if (failed || !FIRST_PAGE.test(address)) return fetch(address, request);
    failed = true;
    return Response.json({ code: "told", detail: "Not now." }, { status });
  };
  return board(customer, { fetch: fetchFailing });
}

/** Uses a store as a mounted component does. `until` waits for a snapshot of which `wanted` is true. */
function mount(store) {
  let look = () => {};
  const leave = store.subscribe(() => look());
  const until = (wanted) => {
    const seen = new Promise((resolve) => {
      look = () => wanted(store.get()) && resolve();
      look();
    });
    const late = AbortSignal.timeout(PATIENCE);
    const refused = new Promise((_, reject) => {
      late.onabort = () => reject(new Error(`it is ${JSON.stringify(store.get())}`));
    });
    return Promise.race([seen, refused]);
  };
  return { leave, until };
}

const isOpen = ({ isLoading, connection }) => !isLoading && connection === "open";
const has = (text) => ({ messages }) => messages.some((message) => message.text === text);

test("a component that comes back while it is sending hears the thread after that", async (t) => {
  const { client, answered, release } = holding((_, { method }) => method === "POST");
  t.after(() => client.close());
  const threadId = await newThread();
  const store = storeOf({ board: client, threadId });
  const first = mount(store);
  await first.until(isOpen);
  const sent = store.send("Hello?");
  await answered;
  first.leave();
  const second = mount(store);
  await second.until(isOpen);
  release();
  await sent;
  await says(threadId, "Ana here.");
  await second.until(has("Ana here."));
});

test("what a client that follows the thread hears while the page is read is not missed", async (t) => {
  const { client, answered, release } = holding((address) => FIRST_PAGE.test(address));
  t.after(() => client.close());
  const threadId = await newThread();
  const listener = new Listener(client.thread(threadId));
  await listener.listens();
  const store = mount(storeOf({ board: client, threadId }));
  await answered;
  await says(threadId, "Ana here.");
  await listener.message("Ana's words", ({ text }) => text === "Ana here.");
  release();
  await store.until(has("Ana here."));
});

for (const status of [429, 500, 503]) {
  test(`a page that is answered by ${status} is requested again`, async (t) => {
    const client = failing(status);
    t.after(() => client.close());
    const store = mount(storeOf({ board: client, threadId: await newThread() }));
    await store.until(({ error }) => error?.status === status);
    await store.until((snapshot) => isOpen(snapshot) && !snapshot.error);
  });
}

test("a page that is refused is an error, and nothing is loading", async (t) => {
  const client = failing(403);
  t.after(() => client.close());
  const store = mount(storeOf({ board: client, threadId: await newThread() }));
  await store.until(({ error, isLoading }) => error?.status === 403 && !isLoading);
});

test("a request without a thread says why it fails", async () => {
  const store = storeOf({ board: board(customer), threadId: undefined });
  await assert.rejects(store.fetch("/chat", {}), /The thread is not followed/);
  const { leave } = mount(store);
  await assert.rejects(store.fetch("/chat", {}), /The thread is not followed/);
  leave();
  await assert.rejects(store.fetch("/chat", {}), /The thread is not followed/);
});

test("components share a store, and it is forgotten with the last of them", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const client = board(customer);
  let store = storeOf({ board: client, threadId: "thr_1" });
  assert.equal(storeOf({ board: client, threadId: "thr_1" }), store);
  const known = new WeakRef(store);
  store = undefined;
  // A reference that was just made or followed is kept until the end of the task.
  await new Promise(setImmediate);
  collect();
  assert.equal(known.deref(), undefined);
});
