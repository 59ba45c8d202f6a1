// A running Switchboard as these scripts are given it, and the people who use it.
//
//     SWITCHBOARD_URL, SWITCHBOARD_SOCKET   where it is
//     CUSTOMER, AGENT, ADMIN                tokens, of one tenant
//     NODE_TOOLS                            the folder whose node_modules hold ws and playwright-core
//     STANDIN                               OpenAI's stand-in, up to and with /v1; without it no answer can be held up
//     JWT_SECRET                            what tokens are signed with; without it none can be made that ends soon

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

import { Switchboard } from "../../web/switchboard.js";

export const { SWITCHBOARD_URL: url, SWITCHBOARD_SOCKET: socketUrl, STANDIN, JWT_SECRET } = process.env;
export const { CUSTOMER: customer, AGENT: agent, ADMIN: admin } = process.env;

export const tools = createRequire(`${process.env.NODE_TOOLS}/`);
export const { WebSocket } = tools("ws");

/** Whatever takes longer hangs. */
export const PATIENCE = 20_000;

/** So that a test waits for what happens, and hardly for the clock. */
const QUICK = { backOff: 20, backOffMost: 200, holeAfter: 100, pollEvery: 50, pollMost: 200 };

/** @param {string | (() => string)} token */
export function board(token, options = {}) {
  return new Switchboard({ url, socketUrl, token, WebSocket, ...QUICK, ...options });
}

/** REST without the client that is tested. */
export async function call(token, method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

let chatbot;

/** A thread of the customer's, with nothing in it. */
export async function newThread() {
  chatbot ??= call(admin, "POST", "/chatbots", { name: "Robin", model: "gpt-5-mini", instructions: "Be brief." });
  return (await call(customer, "POST", "/threads", { chatbot_id: (await chatbot).id })).id;
}

/** The whole log, as REST has it. */
export async function log(thread) {
  const all = [];
  for (let page; page?.next_cursor !== null; all.push(...page.data)) {
    page = await call(agent, "GET", `/threads/${thread}/messages?after=${all.length}&limit=100`);
  }
  return all;
}

const standin = (path) => new URL(`/standin/${path}`, STANDIN).href;

/** What happens at the model's next turn. */
async function next(failure) {
  const body = JSON.stringify({ method: "POST", path: "/v1/responses", failure });
  return (await fetch(standin("faults"), { method: "POST", body })).json();
}

export const model = {
  says: (text) => next({ kind: "say", text }),
  /** For good: no second try would help. */
  fails: () => next({ kind: "status", status: 400 }),
  /** It stops after so many words, until it is told to go on. */
  async stops(after) {
    const { hold } = await next({ kind: "hold", after });
    return {
      begun: () => fetch(standin(`holds/${hold}/begun`)),
      goesOn: () => fetch(standin(`holds/${hold}/release`), { method: "POST" }),
    };
  },
};

/** What the model was asked for, oldest first. */
export async function requests(method, path) {
  const all = await (await fetch(standin("requests"))).json();
  return all.filter((request) => request.method === method && request.path.startsWith(path));
}

/** A token of the customer's tenant that is good for so many seconds. */
export function tokenFor(seconds, claims = {}) {
  const part = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
  const theirs = JSON.parse(Buffer.from(customer.split(".")[1], "base64url"));
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const text = `${part({ typ: "JWT", alg: "HS256" })}.${part({ ...theirs, exp, ...claims })}`;
  return `${text}.${createHmac("sha256", JWT_SECRET).update(text).digest("base64url")}`;
}

/** Hears a thread, or the inbox, to its end; tests wait for what they want to have heard. */
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
