// The running Switchboard that the scripts test, and its users.
//
//     SWITCHBOARD_URL, SWITCHBOARD_SOCKET   its URLs
//     CUSTOMER, AGENT, ADMIN                tokens, of one tenant
//     NODE_TOOLS                            the folder whose node_modules hold ws and playwright-core
//     STANDIN                               the URL of OpenAI's stand-in, with /v1; without it no reply can be delayed
//     JWT_SECRET                            the secret that signs tokens; without it no short-lived token can be made
//     CITED                                 a thread of the customer's whose answer was cut and cites documents, as
//                                           `tests/src/cited_answer.rs` makes one; without it these are not tested

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

import { Switchboard } from "../../web/switchboard.js";

export const { SWITCHBOARD_URL: url, SWITCHBOARD_SOCKET: socketUrl, STANDIN, JWT_SECRET, CITED } = process.env;
export const { CUSTOMER: customer, AGENT: agent, ADMIN: admin } = process.env;

export const tools = createRequire(`${process.env.NODE_TOOLS}/`);
export const { WebSocket } = tools("ws");

/** The timeout of every wait, in milliseconds. */
export const PATIENCE = 20_000;

/** Short delays, so that a test waits for events and not for the clock. */
const QUICK = { backOff: 20, backOffMost: 200, holeAfter: 100, pollEvery: 50, pollMost: 200 };

/** @param {string | (() => string)} token */
export function board(token, options = {}) {
  return new Switchboard({ url, socketUrl, token, WebSocket, ...QUICK, ...options });
}

/** REST calls without the client under test. */
export async function call(token, method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

let chatbot;

/** Creates an empty thread of the customer. */
export async function newThread() {
  chatbot ??= call(admin, "POST", "/chatbots", { name: "Robin", model: "gpt-5-mini", instructions: "Be brief." });
  return (await call(customer, "POST", "/threads", { chatbot_id: (await chatbot).id })).id;
}

/** A message as customers and events have it: only the log that agents read by REST has its `usage`. */
export const withoutUsage = ({ usage, ...message }) => message;

/** The whole log, without usage. */
export async function log(thread) {
  const all = [];
  for (let page; page?.next_cursor !== null; all.push(...page.data.map(withoutUsage))) {
    page = await call(agent, "GET", `/threads/${thread}/messages?after=${all.length}&limit=100`);
  }
  return all;
}

const standin = (path) => new URL(`/standin/${path}`, STANDIN).href;

/** Sets the stand-in's behaviour at the model's next turn. */
async function next(failure) {
  const body = JSON.stringify({ method: "POST", path: "/v1/responses", failure });
  return (await fetch(standin("faults"), { method: "POST", body })).json();
}

export const model = {
  says: (text) => next({ kind: "say", text }),
  /** For good: no second try would help. */
  fails: () => next({ kind: "status", status: 400 }),
  /** The server's last day for a model, as `YYYY-MM-DD`. */
  ends: (id, shutdown_date) =>
    fetch(standin(`models/${id}`), { method: "POST", body: JSON.stringify({ shutdown_date }) }),
  /** It stops after so many words, until it is told to go on. */
  async stops(after) {
    const { hold } = await next({ kind: "hold", after });
    return {
      begun: () => fetch(standin(`holds/${hold}/begun`)),
      goesOn: () => fetch(standin(`holds/${hold}/release`), { method: "POST" }),
    };
  },
};

/** The requests to the model, oldest first. */
export async function requests(method, path) {
  const all = await (await fetch(standin("requests"))).json();
  return all.filter((request) => request.method === method && request.path.startsWith(path));
}

/** A token of the customer's tenant that is valid for this many seconds. */
export function tokenFor(seconds, claims = {}) {
  const part = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
  const theirs = JSON.parse(Buffer.from(customer.split(".")[1], "base64url"));
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const text = `${part({ typ: "JWT", alg: "HS256" })}.${part({ ...theirs, exp, ...claims })}`;
  return `${text}.${createHmac("sha256", JWT_SECRET).update(text).digest("base64url")}`;
}

/** Collects the events of a thread or the inbox; tests wait for the events that they expect. */
export class Listener {
  events = [];
  ended = false;
  #waiting = new Set();

  /** @param {AsyncIterable<any>} events */
  constructor(events) {
    this.done = this.#hear(events);
  }

  of(type) {
    return this.events.filter((event) => event.type === type);
  }

  /** The log as it was handed out. */
  get log() {
    return this.of("message.created").map(({ message }) => message);
  }

  get states() {
    return this.of("connection").map(({ state }) => state);
  }

  /** Gives what `wanted` gives, once that is something. */
  async until(what, wanted) {
    let timer;
    const late = new Promise((_, reject) => {
      const heard = () => `${what} did not come; heard: ${JSON.stringify(this.events.slice(-20))}`;
      timer = setTimeout(() => reject(new Error(heard())), PATIENCE);
    });
    const come = new Promise((resolve) => {
      const look = () => {
        const found = wanted(this);
        if (found) resolve(found);
        return found;
      };
      if (!look()) this.#waiting.add(look);
    });
    return Promise.race([come, late]).finally(() => clearTimeout(timer));
  }

  /** The message that `wanted` is true of. */
  message(what, wanted) {
    return this.until(what, ({ log }) => log.find(wanted));
  }

  /** As much of the log. */
  through(seq) {
    return this.until(`seq ${seq}`, ({ log }) => log.length > 0 && log.at(-1).seq >= seq);
  }

  /** Subscribed: whoever comes is shown who is there. */
  listens() {
    return this.until("the subscription", () => this.of("presence").length > 0);
  }

  /** For the nth time in this state. */
  state(state, times = 1) {
    return this.until(`${state} (${times})`, ({ states }) => states.filter((it) => it === state).length >= times);
  }

  async #hear(events) {
    for await (const event of events) {
      this.events.push(event);
      this.#look();
    }
    this.ended = true;
    this.#look();
  }

  #look() {
    for (const look of this.#waiting) if (look()) this.#waiting.delete(look);
  }
}
