/** The tenant's threads, as far as they are loaded, by status. */

import { rememberCustomer, rememberName } from "./console.people.js";

const THREADS_PER_PAGE = 50;
/** Page limit for the threads that agents hold: this agent's own are among them. */
const MAX_AGENT_PAGES = 20;
/** Page size of the search for a thread's last message: the newest ones may be changes of owner. */
const LAST_MESSAGE_PAGE = 4;
const REFRESH_INTERVAL_MS = 60_000;
const POLL_INTERVAL_MS = 10_000;

const STATUS_OF_SECTION = { queue: "queued", mine: "agent", others: "agent", bot: "bot", ended: "ended" };
const STATUSES = [...new Set(Object.values(STATUS_OF_SECTION))];

/**
 * The inbox feed only tells of changes of owner and repeats none of them, so the lists are loaded again when the
 * connection opens and at intervals.
 *
 * Dispatches `change`; `connection`; `queued` with a thread that has come into the queue; `customer-message` with a
 * message to this agent.
 */
export class Threads extends EventTarget {
  connection = "connecting";
  /** The error of the last load, if it failed. */
  problem = null;
  isLoaded = false;
  #client;
  #me;
  #threads = new Map();
  /** By status: the cursor of the next page, and the number of pages that are loaded. */
  #cursors = new Map();
  /** Counts loads and changes. A thread that has changed since a load began is newer than what that load returns. */
  #revision = 0;
  #nextLoad;

  constructor(client, me) {
    super();
    this.#client = client;
    this.#me = me;
    this.#receiveAll();
    document.addEventListener("visibilitychange", () => document.hidden || this.load());
  }

  get(id) {
    return this.#threads.get(id);
  }

  /** A section's threads: the queue by the longest wait, the others by the latest change of owner. */
  in(section) {
    const threads = [...this.#threads.values()].filter((thread) => this.sectionOf(thread) === section);
    const order = section === "queue" ? 1 : -1;
    return threads.sort((a, b) => (a.status_since < b.status_since ? -order : order));
  }

  sectionOf({ status, agent }) {
    if (status === "agent") return agent?.id === this.#me.sub ? "mine" : "others";
    return status === "queued" ? "queue" : status;
  }

  hasMore(section) {
    return Boolean(this.#cursors.get(STATUS_OF_SECTION[section])?.next);
  }

  unreadCount({ seq, readThrough }) {
    return Math.max(0, seq - readThrough);
  }

  /** Loads a section's next page. */
  async loadMore(section) {
    const status = STATUS_OF_SECTION[section];
    const cursor = this.#cursors.get(status);
    const page = await this.#loadPage(status, cursor.next);
    for (const thread of page.data) this.#set(thread);
    this.#cursors.set(status, { next: page.next_cursor, pages: cursor.pages + 1 });
    this.#changed();
  }

  /** Loads the lists of all statuses, and again after an interval. */
  async load() {
    clearTimeout(this.#nextLoad);
    try {
      await Promise.all(STATUSES.map((status) => this.#loadStatus(status)));
      this.problem = null;
      this.isLoaded = true;
    } catch (error) {
      this.problem = error;
    }
    const interval = this.connection === "polling" ? POLL_INTERVAL_MS : REFRESH_INTERVAL_MS;
    this.#nextLoad = setTimeout(() => document.hidden || this.load(), interval);
    this.#changed();
  }

  /** Takes in a thread, unless it is older than the one that is known. */
  put(thread) {
    this.#set(thread);
    this.#changed();
  }

  /** Takes in a message of a thread whose log is listened to. */
  addMessage(message) {
    const thread = this.#threads.get(message.thread_id);
    if (!thread || message.seq < thread.seq) return;
    thread.seq = message.seq;
    thread.updated_at = message.at;
    if (message.role !== "system") thread.lastMessage = message;
    if (message.author.id === this.#me.sub) thread.readThrough = message.seq;
    this.#changed();
    const isToMe = message.role === "customer" && this.sectionOf(thread) === "mine";
    if (isToMe) this.dispatchEvent(new CustomEvent("customer-message", { detail: message }));
  }

  /** Sets the agent's read marker. */
  markRead(id, seq) {
    const thread = this.#threads.get(id);
    if (!thread || seq <= thread.readThrough) return;
    thread.readThrough = seq;
    this.#changed();
  }

  async #receiveAll() {
    for await (const event of this.#client.inbox()) {
      if (event.type === "thread.updated") this.put(event.thread);
      if (event.type !== "connection") continue;
      this.connection = event.state;
      this.dispatchEvent(new Event("connection"));
      // Also before a socket is open: where none can be had, the lists are needed all the same.
      if (event.state !== "closed") this.load();
    }
  }

  async #loadStatus(status) {
    const began = ++this.#revision;
    const threads = [];
    const maxPages = status === "agent" ? MAX_AGENT_PAGES : 1;
    let next;
    for (let pages = 0; pages < maxPages && next !== null; pages++) {
      const page = await this.#loadPage(status, next);
      threads.push(...page.data);
      next = page.next_cursor;
    }
    this.#removeUnlisted(status, threads, { began, hasMore: Boolean(next) });
    for (const thread of threads) this.#set(thread);
    const pages = this.#cursors.get(status)?.pages ?? 1;
    // An agent who has loaded further pages keeps their place.
    if (pages === 1) this.#cursors.set(status, { next, pages });
  }

  /** Removes the threads that no longer have this status. One after the end of an unfinished list may still have it. */
  #removeUnlisted(status, listed, { began, hasMore }) {
    const ids = new Set(listed.map(({ id }) => id));
    const end = listed.at(-1)?.status_since;
    for (const thread of this.#threads.values()) {
      const isAfterEnd = hasMore && (status === "queued" ? thread.status_since > end : thread.status_since < end);
      const isCurrent = ids.has(thread.id) || thread.revision >= began || isAfterEnd;
      if (thread.status === status && !isCurrent) this.#threads.delete(thread.id);
    }
  }

  #loadPage(status, cursor) {
    const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const query = `status=${status}&with=last_message&limit=${THREADS_PER_PAGE}${from}`;
    return this.#client.request("GET", `/threads?${query}`);
  }

  #set(thread) {
    const before = this.#threads.get(thread.id);
    rememberCustomer(thread);
    const readNow = thread.unread == null ? 0 : thread.seq - thread.unread;
    const readThrough = Math.max(before?.readThrough ?? 0, readNow);
    if (before && (thread.seq < before.seq || thread.updated_at < before.updated_at)) {
      before.readThrough = readThrough;
      return;
    }
    const lastMessage = newerOf(thread.last_message, before?.lastMessage);
    const now = { ...thread, readThrough, lastMessage, revision: ++this.#revision };
    this.#threads.set(thread.id, now);
    const isReturned = before?.agent?.id === this.#me.sub;
    const isNews = now.status === "queued" && before?.status !== "queued" && this.isLoaded && !isReturned;
    if (!isNews) return;
    this.dispatchEvent(new CustomEvent("queued", { detail: now }));
    this.#loadLastMessage(now.id);
  }

  async #loadLastMessage(id) {
    const page = this.#client.request("GET", `/threads/${encodeURIComponent(id)}/messages?limit=${LAST_MESSAGE_PAGE}`);
    const { data } = await page.catch(() => ({ data: [] }));
    const last = data.findLast(({ role }) => role !== "system");
    const thread = this.#threads.get(id);
    if (!last || !thread) return;
    rememberName(last.author);
    thread.lastMessage = newerOf(last, thread.lastMessage);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The message with the higher `seq`; either may be missing. */
const newerOf = (one, other) => (other && !(one?.seq > other.seq) ? other : one);
