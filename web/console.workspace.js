/** The agent's workspace: the client, the threads and their logs, unsent messages, and the tenant's chatbots. */

import { Log } from "./console.log.js";
import { errorText, showToast } from "./console.notice.js";
import { Threads } from "./console.threads.js";
import { Switchboard } from "./switchboard.js";

/** Limit of the agent's own threads that are listened to: a socket takes 200 subscriptions. */
const MAX_HELD_LOGS = 50;
const CHATBOTS_PER_PAGE = 100;

export class Workspace {
  /** The id of the thread that is open, or "". */
  openId = "";
  /** The tenant's chatbots, by id. */
  chatbots = new Map();
  #logs = new Map();

  constructor(config, session) {
    this.me = session.me;
    this.session = session;
    this.config = config;
    this.client = new Switchboard({ ...config, token: () => session.token(), fetch: session.fetch });
    this.threads = new Threads(this.client, this.me);
    this.outbox = new Outbox(this);
    this.threads.addEventListener("change", () => this.updateLogs());
  }

  get isAdmin() {
    return this.me.role === "admin";
  }

  /** A thread's log; it is kept while the thread is open, held by the agent, or has unsent messages. */
  log(id) {
    if (!this.#logs.has(id)) {
      const log = new Log(this.client, id);
      log.addEventListener("received", ({ detail }) => {
        if (detail.type === "message.created") this.threads.addMessage(detail.message);
        if (detail.type === "thread.updated") this.threads.put(detail.thread);
      });
      this.#logs.set(id, log);
    }
    return this.#logs.get(id);
  }

  async loadThread(id) {
    this.threads.put(await this.client.request("GET", `/threads/${encodeURIComponent(id)}`));
  }

  /** Loads a thread again; if that fails, the inbox brings it later. */
  refreshThread(id) {
    this.loadThread(id).catch(() => {});
  }

  /** Posts an action (`claim`, `release`, `end`) on a thread. Returns whether it succeeded; a failure is shown. */
  async act(id, action, body = {}) {
    try {
      this.threads.put(await this.client.request("POST", `/threads/${encodeURIComponent(id)}/${action}`, body));
      return true;
    } catch (error) {
      showToast(errorText(error));
      this.refreshThread(id);
      return false;
    }
  }

  async loadChatbots() {
    const chatbots = [];
    for (let cursor = ""; cursor !== null;) {
      const from = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const page = await this.client.request("GET", `/chatbots?limit=${CHATBOTS_PER_PAGE}${from}`);
      chatbots.push(...page.data);
      cursor = page.next_cursor;
    }
    this.chatbots = new Map(chatbots.map((chatbot) => [chatbot.id, chatbot]));
  }

  /** Listens to the threads that the agent holds and closes the logs that are no longer needed. */
  updateLogs() {
    const mine = this.threads.in("mine").slice(0, MAX_HELD_LOGS);
    for (const { id, seq } of mine) this.log(id).listen(seq);
    const needed = new Set([this.openId, ...mine.map(({ id }) => id)]);
    for (const [id, log] of this.#logs) {
      if (needed.has(id) || this.outbox.of(id).length) continue;
      log.close();
      this.#logs.delete(id);
    }
  }
}

/** The problem shown with a message that was being sent when the page was closed. */
const INTERRUPTED = "It may not have been sent.";

/** Dispatches `change` with a thread's id, and `edit` with a message to be put back into the reply field. */
export class Outbox extends EventTarget {
  #workspace;
  #storageKey;
  #unsent = [];
  /** By thread id: a promise for the end of its last request. A thread's messages go out one after the other. */
  #queues = new Map();

  constructor(workspace) {
    super();
    this.#workspace = workspace;
    this.#storageKey = `switchboard.unsent.${workspace.me.tenant}.${workspace.me.sub}`;
    const stored = JSON.parse(sessionStorage.getItem(this.#storageKey) ?? "[]");
    this.#unsent = stored.map((message) => ({ ...message, problem: message.problem || INTERRUPTED }));
  }

  /** The unsent messages of a thread. */
  of(thread) {
    return this.#unsent.filter((message) => message.thread === thread);
  }

  send(thread, text, internal) {
    const at = new Date().toISOString();
    const message = { thread, text, internal, client_id: crypto.randomUUID(), at, problem: "" };
    this.#unsent.push(message);
    this.retry(message);
  }

  /** Sends a message again. Its `client_id` prevents a duplicate if it had arrived. */
  retry(message) {
    message.problem = "";
    this.#changed(message);
    const previous = Promise.resolve(this.#queues.get(message.thread));
    this.#queues.set(message.thread, previous.then(() => this.#post(message)));
  }

  edit(message) {
    this.#remove(message);
    this.dispatchEvent(new CustomEvent("edit", { detail: message }));
  }

  async #post(message) {
    const { thread: id, text, client_id, internal } = message;
    try {
      const { feed } = this.#workspace.log(id);
      const { thread } = await feed.send(text, internal ? { client_id, internal } : { client_id });
      this.#workspace.threads.put(thread);
      this.#remove(message);
    } catch (error) {
      if (error.code === "closed") return;
      message.problem = errorText(error);
      this.#changed(message);
      this.#workspace.refreshThread(id);
      if (this.#workspace.openId !== id) showToast(`A message could not be sent: ${message.problem}`);
    }
  }

  #remove(message) {
    this.#unsent = this.#unsent.filter((other) => other !== message);
    this.#changed(message);
  }

  #changed({ thread }) {
    sessionStorage.setItem(this.#storageKey, JSON.stringify(this.#unsent));
    this.dispatchEvent(new CustomEvent("change", { detail: thread }));
  }
}
