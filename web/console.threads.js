/** The tenant's threads, as far as they are loaded, by status. */

import { rememberCustomer } from "./console.people.js";

const THREADS_PER_PAGE = 50;
/** Limit of the pages that are loaded again: those seen before, and of what agents hold all, with this agent's own. */
const MAX_PAGES = 20;
/** Page size of the search for a customer's last words: what others said and changes of owner may follow them. */
const WORDS_PAGE = 20;
const MAX_CONCURRENT_SEARCHES = 3;
const REFRESH_INTERVAL_MS = 60_000;
const POLL_INTERVAL_MS = 10_000;

const STATUS_OF_SECTION = { queue: "queued", mine: "agent", others: "agent", bot: "bot", ended: "ended" };
const STATUSES = [...new Set(Object.values(STATUS_OF_SECTION))];

/**
 * The inbox feed only tells of changes of owner and repeats none of them, so the lists are loaded again when it begins
 * and at intervals.
 *
 * Dispatches `change`; `connection`; `queued` with a thread that has come into the queue; `customer-message` with a
 * message to this agent; `taken-over` with a thread that a colleague has taken from this agent.
 *
 * A thread's `words` are the customer's newest message, as far as it has been looked for: through `wordsThrough`.
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
  #isBehind;
  /** The ids of threads whose customer's last words are searched for, or are to be. */
  #searches = new Set();
  #searching = 0;

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

  /**
   * A section's threads: the queue by the longest wait, the agent's own by unread and then newest customer message, the
   * others by the latest change of owner.
   */
  in(section) {
    const threads = [...this.#threads.values()].filter((thread) => this.sectionOf(thread) === section);
    const ranks = {
      queue: (thread) => `${waitsSince(thread)} ${thread.id}`,
      mine: (thread) => `${Number(this.unreadCount(thread) > 0)} ${thread.words?.at ?? thread.updated_at}`,
    };
    const { [section]: rank = ({ status_since }) => status_since } = ranks;
    const order = section === "queue" ? 1 : -1;
    const ranked = threads.map((thread) => [rank(thread), thread]);
    return ranked.sort(([a], [b]) => (a < b ? -order : order)).map(([, thread]) => thread);
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
    cursor.loading ??= this.#loadNext(status).finally(() => (cursor.loading = undefined));
    return cursor.loading;
  }

  async #loadNext(status) {
    for (let next, rows = 0; !rows && next !== null;) {
      const { next: from, pages } = this.#cursors.get(status);
      const page = await this.#loadPage(status, from);
      // A page may be empty and not the last.
      rows = page.data.length;
      next = page.next_cursor;
      for (const thread of page.data) this.#set(thread);
      this.#cursors.set(status, { next, pages: pages + 1 });
    }
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
    hear(thread, message);
    if (message.author.id === this.#me.sub) thread.readThrough = message.seq;
    this.#changed();
    if (message.role === "customer" && this.sectionOf(thread) === "mine") this.#tell("customer-message", message);
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
      // Each ping subscribes again.
      if (event.type === "subscribed" && this.#isBehind) {
        this.#isBehind = false;
        this.load();
      }
      if (event.type !== "connection") continue;
      this.#isBehind = true;
      this.connection = event.state;
      this.dispatchEvent(new Event("connection"));
      // Also before a socket is open: where none can be had, the lists are needed all the same.
      if (/connecting|polling/.test(event.state)) this.load();
    }
  }

  async #loadStatus(status) {
    const began = ++this.#revision;
    const threads = [];
    const seen = () => this.#cursors.get(status)?.pages ?? 1;
    const maxPages = status === "agent" ? MAX_PAGES : Math.min(MAX_PAGES, seen());
    let [next, pages] = [undefined, 0];
    for (; pages < maxPages && next !== null; pages++) {
      const page = await this.#loadPage(status, next);
      threads.push(...page.data);
      next = page.next_cursor;
    }
    this.#removeUnlisted(status, threads, { began, hasMore: Boolean(next) });
    for (const thread of threads) this.#set(thread);
    // An agent who has loaded further pages keeps their place.
    if (seen() <= maxPages) this.#cursors.set(status, { next, pages });
  }

  /** Removes the threads that no longer have this status. One after the end of an unfinished list may still have it. */
  #removeUnlisted(status, listed, { began, hasMore }) {
    const ids = new Set(listed.map(({ id }) => id));
    const key = status === "queued" ? waitsSince : (thread) => thread.status_since;
    const end = listed.length && key(listed.at(-1));
    for (const thread of this.#threads.values()) {
      // Those after the end may have its very time.
      const isAfterEnd = hasMore && (status === "queued" ? key(thread) >= end : key(thread) <= end);
      const isCurrent = ids.has(thread.id) || thread.revision >= began || isAfterEnd;
      if (thread.status === status && !isCurrent) this.#threads.delete(thread.id);
    }
  }

  async #loadPage(status, cursor) {
    const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const query = `status=${status}&with=last_message&limit=${THREADS_PER_PAGE}${from}`;
    const page = await this.#client.request("GET", `/threads?${query}`);
    // The list has the customer's last words, where there are any.
    for (const thread of page.data) thread.wordsThrough = thread.seq;
    return page;
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
    const { words, wordsThrough = 0 } = before ?? {};
    const now = { words, wordsThrough, ...thread, readThrough, revision: ++this.#revision };
    this.#threads.set(thread.id, now);
    hear(now, thread.last_customer_message);
    if (before && this.sectionOf(before) === "mine" && this.sectionOf(now) === "others") this.#tell("taken-over", now);
    const isReturned = before?.agent?.id === this.#me.sub;
    const isNews = now.status === "queued" && before?.status !== "queued" && this.isLoaded && !isReturned;
    if (isNews) this.#tell("queued", now);
  }

  /** Searches for the customer's last words, once for each `seq` of the thread, and a few threads at a time. */
  async findWords(id) {
    const thread = this.#threads.get(id);
    if (!(thread?.seq > thread?.wordsThrough)) return;
    thread.wordsThrough = thread.seq;
    this.#searches.add(id);
    if (this.#searching >= MAX_CONCURRENT_SEARCHES) return;
    this.#searching++;
    for (const next of this.#searches) {
      this.#searches.delete(next);
      await this.#search(next);
    }
    this.#searching--;
  }

  async #search(id) {
    const path = `/threads/${encodeURIComponent(id)}/messages?limit=${WORDS_PAGE}`;
    const { data } = await this.#client.request("GET", path).catch(() => ({ data: [] }));
    const thread = this.#threads.get(id);
    if (!thread) return;
    hear(thread, data.findLast(({ role }) => role === "customer"));
    this.#changed();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The start of a customer's wait for a person. */
export const waitsSince = (thread) => thread.waiting_since ?? thread.status_since;

/** Takes in the newest message that is known of a thread. */
function hear(thread, message) {
  const isTheirs = message?.role === "customer";
  if (isTheirs && !(message.seq <= thread.words?.seq)) thread.words = message;
  // A change of owner adds one message, which is not the customer's.
  if (isTheirs || thread.seq <= thread.wordsThrough + 1) thread.wordsThrough = thread.seq;
}
