/** The agent's workspace: the client, the threads and their logs, unsent messages, and the tenant's chatbots. */

import { Log } from "./console.log.js";
import { errorText, showToast } from "./console.notice.js";
import { Outbox } from "./console.outbox.js";
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
