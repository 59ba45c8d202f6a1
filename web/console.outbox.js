/** The agent's messages that are not known to have arrived, kept for as long as the tab is open. */

import { errorText, showToast } from "./console.notice.js";

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
