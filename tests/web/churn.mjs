// Churn: many clients lose their sockets all the time, while people and the bot talk. In the end each has exactly the log.
//
//     CLIENTS=200 THREADS=10 DISCONNECTS=10000 node tests/web/churn.mjs
//
// The talk advances with the number of lost sockets, so nothing here waits for the clock. Prints one line of figures; exits
// with 1 if a client has anything other than the log, or after SECONDS.

import { isDeepStrictEqual } from "node:util";

import { randomOf, Wire } from "./wires.mjs";
import { agent, board, call, customer, Listener, log, newThread, withoutUsage } from "./world.mjs";

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const CLIENTS = number("CLIENTS", 200);
const THREADS = number("THREADS", 10);
const DISCONNECTS = number("DISCONNECTS", 10_000);
const ROUNDS = number("ROUNDS", 12);
const SECONDS = number("SECONDS", 280);
const SEED = number("SEED", Date.now() % 1_000_000);
/** The settings of each client. */
const LISTENS_TO = 2;
/** The number of frames that a socket receives before it dies; most receive little more than `subscribed`. */
const FRAMES = () => 1 + Math.floor(random() * (random() < 0.8 ? 4 : 40));
/** The longest life of a socket, in milliseconds. */
const LIFE = 1000;

const began = Date.now();
const random = randomOf(SEED);
const seconds = () => ((Date.now() - began) / 1000).toFixed(1);

function fail(why) {
  console.error(`churn: ${why} (SEED=${SEED}, after ${seconds()} s)`);
  process.exit(1);
}

/** The number of sockets that have died, and the waiters for a number. */
const dead = { count: 0, waiting: [] };

/** A socket that dies in the middle of its frames, with or without a close frame, while deaths are left. */
class Mortal extends Wire {
  #left = FRAMES();
  #late;

  arrives(data) {
    this.#late ??= setTimeout(() => this.#die(), LIFE).unref();
    if (this.#left-- === 0 && this.#die()) return;
    this.hears(data);
  }

  /** Whether it did: what arrives at one that lives on is heard. */
  #die() {
    if (dead.count === DISCONNECTS || this.socket.readyState !== 1) return false;
    dead.count++;
    random() < 0.5 ? this.cut() : this.close();
    dead.waiting = dead.waiting.filter(({ count, resolve }) => count > dead.count || resolve());
    return true;
  }
}

const died = (count) =>
  new Promise((resolve) => (dead.count >= count ? resolve() : dead.waiting.push({ count, resolve })));

/** A client that listens to some threads. */
function client(n, ids) {
  const token = n % 2 ? agent : customer;
  const theirs = board(token, { WebSocket: Mortal, backOff: 10, backOffMost: 100, holeAfter: 1000 });
  const some = Array.from({ length: LISTENS_TO }, (_, k) => ids[(n + k * 3) % ids.length]);
  const threads = [...new Set(some)].map((id) => theirs.thread(id));
  return { n, board: theirs, threads, heard: threads.map((thread) => new Listener(thread)) };
}

/** The customer asks, an agent claims and releases, each over a dying socket of their own. */
async function talk(id, asks, answers) {
  for (let round = 0; round < ROUNDS; round++) {
    await died(Math.floor((DISCONNECTS * round) / ROUNDS));
    await asks.send(`Question ${round}`);
    await Promise.all([asks.send(`Question ${round}, part two`), asks.send(`Question ${round}, part three`)]);
    await answers.send(`Ana here, in round ${round}.`);
    await asks.send("Good to hear.");
    await release(id);
  }
}

/** Repeats a request that fails: a server under this load may refuse connections, and a repeat changes nothing. */
async function release(id) {
  try {
    await call(agent, "POST", `/threads/${id}/release`, { to: "bot" });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    await release(id);
  }
}

/** The differences between a client's messages and the log. */
function wrong(heard, whole) {
  if (isDeepStrictEqual(heard, whole)) return undefined;
  const at = heard.findIndex((message, n) => !isDeepStrictEqual(message, whole[n]));
  return `has ${heard.length} of ${whole.length}; the first that differs is #${at + 1}: ${JSON.stringify(heard[at])}`;
}

setTimeout(() => fail(`${dead.count} of ${DISCONNECTS} sockets have died, and it is not over`), 1000 * SECONDS).unref();

const ids = await Promise.all(Array.from({ length: THREADS }, newThread));
const clients = Array.from({ length: CLIENTS }, (_, n) => client(n, ids));
const threadsOf = (odd) => clients.filter(({ n }) => n % 2 === odd).flatMap(({ threads }) => threads);
const [asking, answering] = [threadsOf(0), threadsOf(1)];
const speaker = (threads, id, otherwise) => threads.find((thread) => thread.id === id) ?? otherwise.board.thread(id);
const talks = ids.map((id) => talk(id, speaker(asking, id, clients[0]), speaker(answering, id, clients[1])));
await Promise.all([...talks, died(DISCONNECTS)]);

/** The whole log, after the bot has answered what the last release gave back to it. */
async function wholeLog(id) {
  for (;;) {
    const whole = await log(id);
    if (whole.at(-1).role === "bot") return whole;
  }
}

const logs = new Map(await Promise.all(ids.map(async (id) => [id, await wholeLog(id)])));
for (const { n, threads, heard } of clients) {
  for (const [k, thread] of threads.entries()) {
    const whole = logs.get(thread.id);
    await heard[k].through(whole.length).catch(() => {});
    const difference = wrong(heard[k].log.map(withoutUsage), whole);
    if (difference) fail(`client ${n} on ${thread.id} ${difference}`);
  }
}
for (const each of clients) each.board.close();
await Promise.all(clients.flatMap(({ heard }) => heard.map(({ done }) => done)));

const sum = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const figures = {
  clients: CLIENTS,
  threads: THREADS,
  disconnects: dead.count,
  sockets: Mortal.all.length,
  messages: sum([...logs.values()].map(({ length }) => length)),
  handed_out: sum(clients.flatMap(({ heard }) => heard).map(({ log }) => log.length)),
  differences: 0,
  seconds: seconds(),
  seed: SEED,
};
console.log(`churn: ${Object.entries(figures).map((figure) => figure.join(" ")).join(", ")}`);
