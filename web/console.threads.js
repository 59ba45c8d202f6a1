/**
 * The tenant's threads, as far as they are known: read by page, then kept current by the inbox.
 *
 * The inbox tells of changes of owner and of nothing else, and one that gets lost is not sent again. So the lists are
 * read anew each time the connection opens, and from time to time.
 */

const PAGE = 50;
/** Who holds a thread is not asked of the server but seen here, so all that agents hold are read: as many pages at most. */
const PAGES_OF_AGENTS = 20;
const EVERY = 60_000;
const EVERY_POLLING = 10_000;

const STATUS = { queue: "queued", mine: "agent", others: "agent", bot: "bot", ended: "ended" };

/**
 * `change`: something about some thread. `waits` with the thread: a customer has come to wait. `said` with what a customer
 * said on one's own line. `connection`.
 */
export class Threads extends EventTarget {
  connection = "connecting";
  /** Of the last time the lists were read. */
  problem = null;
  isRead = false;
  #board;
  #me;
  #known = new Map();
  /** By status: the cursor of what is still to be read, and how many pages have been. */
  #cursors = new Map();
  #clock = 0;
  #due;

  constructor(board, me) {
    super();
    this.#board = board;
    this.#me = me;
    this.#hear();
    document.addEventListener("visibilitychange", () => document.hidden || this.read());
  }

  /** @returns {Thread & {readThrough: number, last?: Message}} */
  get(id) {
    return this.#known.get(id);
  }

  /** A section's threads: the queue from its longest wait, every other from the latest change. */
  in(section) {
    const threads = [...this.#known.values()].filter((thread) => this.sectionOf(thread) === section);
    const order = section === "queue" ? 1 : -1;
    return threads.sort((a, b) => (a.status_since < b.status_since ? -order : order));
  }

  sectionOf({ status, agent }) {
    if (status === "agent") return agent?.id === this.#me.sub ? "mine" : "others";
    return status === "queued" ? "queue" : status;
  }

  hasMore(section) {
    return Boolean(this.#cursors.get(STATUS[section])?.next);
  }

  unreadOf({ seq, readThrough }) {
    return Math.max(0, seq - readThrough);
  }

  /** Reads the section on. */
  async more(section) {
    const status = STATUS[section];
    const cursor = this.#cursors.get(status);
    const page = await this.#page(status, cursor.next);
    for (const thread of page.data) this.#put(thread);
    this.#cursors.set(status, { next: page.next_cursor, pages: cursor.pages + 1 });
    this.#changed();
  }

  /** Reads all lists anew; what is shown stays until then. */
  async read() {
    clearTimeout(this.#due);
    try {
      await Promise.all(["queued", "agent", "bot", "ended"].map((status) => this.#read(status)));
      this.problem = null;
      this.isRead = true;
    } catch (error) {
      this.problem = error;
    }
    this.#due = setTimeout(() => document.hidden || this.read(), this.connection === "polling" ? EVERY_POLLING : EVERY);
    this.#changed();
  }

  /** Takes a thread as it came from anywhere; an older picture of it changes nothing. */
  put(thread) {
    this.#put(thread);
    this.#changed();
  }

  /** A message was heard in a thread that is listened to. */
  heard(message) {
    const thread = this.#known.get(message.thread_id);
    if (!thread || message.seq < thread.seq) return;
    thread.seq = message.seq;
    thread.updated_at = message.at;
    if (message.role !== "system") thread.last = message;
    if (message.author.id === this.#me.sub) thread.readThrough = message.seq;
    this.#changed();
    const isTheirs = message.role === "customer" && this.sectionOf(thread) === "mine";
    if (isTheirs) this.dispatchEvent(new CustomEvent("said", { detail: message }));
  }

  readThrough(id, seq) {
    const thread = this.#known.get(id);
    if (!thread || seq <= thread.readThrough) return;
    thread.readThrough = seq;
    this.#changed();
  }

  async #hear() {
    for await (const event of this.#board.inbox()) {
      if (event.type === "thread.updated") this.put(event.thread);
      if (event.type !== "connection") continue;
      this.connection = event.state;
      this.dispatchEvent(new Event("connection"));
      // Also before a socket is open: whoever cannot have one is not to look at nothing.
      if (event.state !== "closed") this.read();
    }
  }

  async #read(status) {
    const began = ++this.#clock;
    const threads = [];
    let next;
    for (let pages = 0; pages < (status === "agent" ? PAGES_OF_AGENTS : 1) && next !== null; pages++) {
      const page = await this.#page(status, next);
      threads.push(...page.data);
      next = page.next_cursor;
    }
    const listed = new Set(threads.map(({ id }) => id));
    const last = threads.at(-1)?.status_since;
    for (const thread of this.#known.values()) {
      const isBeyond = next && (status === "queued" ? thread.status_since > last : thread.status_since < last);
      if (thread.status === status && !listed.has(thread.id) && thread.touched < began && !isBeyond)
        this.#known.delete(thread.id);
    }
    for (const thread of threads) this.#put(thread);
    const pages = this.#cursors.get(status)?.pages ?? 1;
    // Whoever had read on is not sent back to the first page's end.
    if (pages === 1) this.#cursors.set(status, { next, pages });
  }

  #page(status, cursor) {
    const on = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    return this.#board.request("GET", `/threads?status=${status}&limit=${PAGE}${on}`);
  }

  #put(thread) {
    const before = this.#known.get(thread.id);
    const readNow = thread.unread == null ? 0 : thread.seq - thread.unread;
    const readThrough = Math.max(before?.readThrough ?? 0, readNow);
    if (before && (thread.seq < before.seq || thread.updated_at < before.updated_at)) {
      before.readThrough = readThrough;
      return;
    }
    const now = { ...thread, readThrough, last: before?.last, touched: ++this.#clock };
    this.#known.set(thread.id, now);
    const gaveIt = before?.agent?.id === this.#me.sub;
    const isNews = now.status === "queued" && before?.status !== "queued" && this.isRead && !gaveIt;
    if (isNews) this.dispatchEvent(new CustomEvent("waits", { detail: now }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
