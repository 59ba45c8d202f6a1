/** An agent's desk: the inbox, the threads they listen to, what they are about to say. */

import { tell } from "./console.element.js";
import { Log } from "./console.log.js";
import { Threads } from "./console.threads.js";
import { kindly } from "./console.words.js";
import { Switchboard } from "./switchboard.js";

/** Of those that are held, so many are listened to: a socket has room for 200. */
const LISTENS_TO = 50;

export class Desk {
  /** The thread before the agent. */
  openId = "";
  /** By id; the names of those that answer. */
  chatbots = new Map();
  #logs = new Map();

  constructor(config, session) {
    this.me = session.me;
    this.session = session;
    this.config = config;
    this.board = new Switchboard({ ...config, token: () => session.token(), fetch: session.fetch });
    this.threads = new Threads(this.board, this.me);
    this.outbox = new Outbox(this);
    this.threads.addEventListener("change", () => this.tidy());
  }

  get isAdmin() {
    return this.me.role === "admin";
  }

  /** A thread's log; it is kept for as long as the thread is open or held. */
  log(id) {
    if (!this.#logs.has(id)) {
      const log = new Log(this.board, id);
      log.addEventListener("heard", ({ detail }) => {
        if (detail.type === "message.created") this.threads.heard(detail.message);
        if (detail.type === "thread.updated") this.threads.put(detail.thread);
      });
      this.#logs.set(id, log);
    }
    return this.#logs.get(id);
  }

  /** Sees how the thread stands now. */
  async refresh(id) {
    try {
      this.threads.put(await this.board.request("GET", `/threads/${encodeURIComponent(id)}`));
    } catch {
      // Whoever waits for it is told by what they do next.
    }
  }

  /** Changes a thread, or says kindly why not. */
  async act(id, verb, body = {}) {
    try {
      this.threads.put(await this.board.request("POST", `/threads/${encodeURIComponent(id)}/${verb}`, body));
      return true;
    } catch (error) {
      tell(kindly(error));
      this.refresh(id);
      return false;
    }
  }

  async readChatbots() {
    const all = [];
    for (let next = ""; next !== null;) {
      const page = await this.board.request("GET", `/chatbots?limit=100${next && `&cursor=${encodeURIComponent(next)}`}`);
      all.push(...page.data);
      next = page.next_cursor;
    }
    this.chatbots = new Map(all.map((chatbot) => [chatbot.id, chatbot]));
    return all;
  }

  /** Whoever holds a line hears what is said in it, be it open or not. */
  tidy() {
    const mine = this.threads.in("mine").slice(0, LISTENS_TO);
    for (const { id, seq } of mine) this.log(id).listen(seq);
    const wanted = new Set([this.openId, ...mine.map(({ id }) => id)]);
    for (const [id, log] of this.#logs) {
      if (wanted.has(id) || this.outbox.of(id).length) continue;
      log.close();
      this.#logs.delete(id);
    }
  }
}

/**
 * What was written and is not known to be said yet. It outlives a reload, a lost network and an expired token.
 *
 * `change` with the thread's id, `back` with what is to be written anew.
 */
class Outbox extends EventTarget {
  #desk;
  #place;
  #unsent = [];
  /** By thread: one after the other, so that they come in the order in which they were written. */
  #lines = new Map();

  constructor(desk) {
    super();
    this.#desk = desk;
    this.#place = `switchboard.unsent.${desk.me.tenant}.${desk.me.sub}`;
    this.#unsent = JSON.parse(sessionStorage.getItem(this.#place) ?? "[]").map((it) => ({
      ...it,
      problem: it.problem || LEFT,
    }));
  }

  of(thread) {
    return this.#unsent.filter((it) => it.thread === thread);
  }

  send(thread, text, internal) {
    const it = { thread, text, internal, client_id: crypto.randomUUID(), at: new Date().toISOString(), problem: "" };
    this.#unsent.push(it);
    this.retry(it);
  }

  /** The same message under the same id: had it arrived after all, it is not said twice. */
  retry(it) {
    it.problem = "";
    this.#changed(it);
    const before = this.#lines.get(it.thread);
    this.#lines.set(
      it.thread,
      Promise.resolve(before).then(() => this.#say(it)),
    );
  }

  takeBack(it) {
    this.#drop(it);
    this.dispatchEvent(new CustomEvent("back", { detail: it }));
  }

  async #say(it) {
    const { client_id, internal } = it;
    try {
      const { feed } = this.#desk.log(it.thread);
      const { thread } = await feed.send(it.text, internal ? { client_id, internal } : { client_id });
      this.#desk.threads.put(thread);
      this.#drop(it);
    } catch (error) {
      if (error.code === "closed") return;
      it.problem = kindly(error);
      this.#changed(it);
      this.#desk.refresh(it.thread);
      if (this.#desk.openId !== it.thread) tell(`A message could not be sent: ${it.problem}`);
    }
  }

  #drop(it) {
    this.#unsent = this.#unsent.filter((other) => other !== it);
    this.#changed(it);
  }

  #changed({ thread }) {
    sessionStorage.setItem(this.#place, JSON.stringify(this.#unsent));
    this.dispatchEvent(new CustomEvent("change", { detail: thread }));
  }
}
