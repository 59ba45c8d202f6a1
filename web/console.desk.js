/** An agent's desk: the inbox, the threads they listen to, what they are about to say. */

import { kindly, learn, tell } from "./console.element.js";
import { Switchboard } from "./switchboard.js";

/** A socket has room for 200 threads. */
const LISTENS_TO = 50;
const THREADS = 50;
/** One's own are found among all that agents hold. */
const PAGES_OF_AGENTS = 20;
const MESSAGES = 100;
const LOOKS_BACK = 4;
/** In milliseconds. */
const [READ_EVERY, POLL_EVERY, TYPING_FOR, REST] = [60_000, 10_000, 6000, 3000];
const STATUS = { queue: "queued", mine: "agent", others: "agent", bot: "bot", ended: "ended" };
const LEFT = "It may not have been sent.";

export class Desk {
  openId = "";
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

  /** Kept for as long as the thread is open or held. */
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

  async read(id) {
    this.threads.put(await this.board.request("GET", `/threads/${encodeURIComponent(id)}`));
  }

  refresh(id) {
    this.read(id).catch(() => {});
  }

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
  }

  /** Whoever holds a line hears it, be it open or not. */
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

/** Written and not known to be said. `change` with the thread's id, `back` with what is to be written anew. */
class Outbox extends EventTarget {
  #desk;
  #place;
  #unsent = [];
  /** By thread. */
  #lines = new Map();

  constructor(desk) {
    super();
    this.#desk = desk;
    this.#place = `switchboard.unsent.${desk.me.tenant}.${desk.me.sub}`;
    const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? "[]");
    this.#unsent = kept.map((it) => ({ ...it, problem: it.problem || LEFT }));
  }

  of(thread) {
    return this.#unsent.filter((it) => it.thread === thread);
  }

  send(thread, text, internal) {
    const it = { thread, text, internal, client_id: crypto.randomUUID(), at: new Date().toISOString(), problem: "" };
    this.#unsent.push(it);
    this.retry(it);
  }

  /** Had it arrived after all, it is not said twice. */
  retry(it) {
    it.problem = "";
    this.#changed(it);
    const before = this.#lines.get(it.thread);
    this.#lines.set(it.thread, Promise.resolve(before).then(() => this.#say(it)));
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

/**
 * The inbox tells of changes of owner only, and none twice: the lists are read anew as the connection opens, and from time
 * to time. `change`, `connection`; `waits` with a thread, `said` with what a customer told this agent.
 */
export class Threads extends EventTarget {
  connection = "connecting";
  problem = null;
  isRead = false;
  #board;
  #me;
  #known = new Map();
  /** By status: where to read on, and how many pages have been read. */
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

  async more(section) {
    const status = STATUS[section];
    const cursor = this.#cursors.get(status);
    const page = await this.#page(status, cursor.next);
    for (const thread of page.data) this.#put(thread);
    this.#cursors.set(status, { next: page.next_cursor, pages: cursor.pages + 1 });
    this.#changed();
  }

  async read() {
    clearTimeout(this.#due);
    try {
      await Promise.all(["queued", "agent", "bot", "ended"].map((status) => this.#read(status)));
      this.problem = null;
      this.isRead = true;
    } catch (error) {
      this.problem = error;
    }
    this.#due = setTimeout(() => document.hidden || this.read(), this.connection === "polling" ? POLL_EVERY : READ_EVERY);
    this.#changed();
  }

  /** An older picture of it changes nothing. */
  put(thread) {
    this.#put(thread);
    this.#changed();
  }

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
    return this.#board.request("GET", `/threads?status=${status}&with=last_message&limit=${THREADS}${on}`);
  }

  #put(thread) {
    const before = this.#known.get(thread.id);
    // A page may tell its customer's name as metadata.
    learn({ id: thread.customer_id, name: thread.metadata?.name }, false);
    const readNow = thread.unread == null ? 0 : thread.seq - thread.unread;
    const readThrough = Math.max(before?.readThrough ?? 0, readNow);
    if (before && (thread.seq < before.seq || thread.updated_at < before.updated_at)) {
      before.readThrough = readThrough;
      return;
    }
    const now = { ...thread, readThrough, last: newer(thread.last_message, before?.last), touched: ++this.#clock };
    this.#known.set(thread.id, now);
    const gaveIt = before?.agent?.id === this.#me.sub;
    const isNews = now.status === "queued" && before?.status !== "queued" && this.isRead && !gaveIt;
    if (!isNews) return;
    this.dispatchEvent(new CustomEvent("waits", { detail: now }));
    this.#look(now.id);
  }

  async #look(id) {
    const page = this.#board.request("GET", `/threads/${encodeURIComponent(id)}/messages?limit=${LOOKS_BACK}`);
    const { data } = await page.catch(() => ({ data: [] }));
    const said = data.findLast(({ role }) => role !== "system");
    const thread = this.#known.get(id);
    if (!said || !thread) return;
    learn(said.author);
    thread.last = newer(said, thread.last);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const newer = (one, other) => (other && !(one?.seq > other.seq) ? other : one);

/** Known from its end backwards, without a hole. `heard` with each event once it has been taken in. */
export class Log extends EventTarget {
  messages = new Map();
  first = Infinity;
  last = 0;
  notes = new Map();
  runs = new Map();
  draft = "";
  present = [];
  typing = new Map();
  seen = 0;
  said = new Set();
  feed = null;
  #board;
  #path;
  #over = new Set();
  #pictured = "";
  #older;

  constructor(board, id) {
    super();
    this.id = id;
    this.#board = board;
    this.#path = `/threads/${encodeURIComponent(id)}/messages`;
  }

  listen(seq) {
    if (this.feed) return;
    this.feed = this.#board.thread(this.id, { after: seq });
    this.#hear();
  }

  async open() {
    this.#take(await this.#board.request("GET", `${this.#path}?limit=${MESSAGES}`));
    this.listen(this.last);
  }

  get hasOlder() {
    return this.first > 1 && this.last > 0;
  }

  /** Over once it may be asked for again. */
  older() {
    const rest = () => new Promise((over) => setTimeout(over, REST));
    this.#older ??= this.#readOlder().catch(rest).finally(() => (this.#older = undefined));
    return this.#older;
  }

  close() {
    this.feed?.close();
  }

  async #readOlder() {
    this.#take(await this.#board.request("GET", `${this.#path}?before=${this.first}&limit=${MESSAGES}`));
  }

  #take({ data, notes }) {
    for (const message of data) this.#keep(message);
    for (const note of notes ?? []) this.notes.set(note.id, note);
  }

  #keep(message) {
    const { seq } = message;
    learn(message.author);
    if (message.client_id) this.said.add(message.client_id);
    this.messages.set(seq, message);
    // The newest page may begin beyond what was heard; the feed fills what is between.
    if (seq > this.last + 1 || !this.last) this.first = seq;
    this.last = Math.max(this.last, seq);
    while (this.messages.has(this.first - 1)) this.first--;
  }

  async #hear() {
    for await (const event of this.feed) {
      this.#hearOne(event);
      this.#tell(event);
    }
  }

  #tell(detail) {
    this.dispatchEvent(new CustomEvent("heard", { detail }));
  }

  #hearOne(event) {
    switch (event.type) {
      case "message.created":
        this.#keep(event.message);
        this.typing.delete(event.message.author.id);
        if (event.message.role !== "customer") this.#endRuns();
        break;
      case "message.delta":
        this.#stream(event);
        break;
      case "message.discarded":
        this.#over.add(event.run_id);
        this.runs.delete(event.run_id);
        if (event.draft) this.draft = event.draft;
        break;
      case "note.created":
        if (event.truncated) this.#readAgain(event.note);
        this.notes.set(event.note.id, event.note);
        if (event.note.client_id) this.said.add(event.note.client_id);
        learn(event.note.author);
        break;
      case "presence":
        if (event.at < this.#pictured) break;
        this.#pictured = event.at;
        this.present = event.present;
        event.present.forEach(learn);
        break;
      case "typing":
        this.#type(event);
        break;
      case "read":
        if (event.who.role === "customer") this.seen = Math.max(this.seen, event.seq);
        break;
    }
  }

  #stream({ run_id, index, text }) {
    if (this.#over.has(run_id)) return;
    // Whoever comes in the middle of an answer has missed its beginning.
    const run = this.runs.get(run_id) ?? { from: index, text: "" };
    const before = run.text.slice(0, Math.max(0, index - run.from));
    this.runs.set(run_id, { from: index === 0 ? 0 : run.from, text: (index === 0 ? "" : before) + text });
  }

  #endRuns() {
    for (const run of this.runs.keys()) this.#over.add(run);
    this.runs.clear();
  }

  #type({ who, on }) {
    learn(who);
    clearTimeout(this.typing.get(who.id)?.timer);
    this.typing.delete(who.id);
    if (!on) return;
    const timer = setTimeout(() => {
      this.typing.delete(who.id);
      this.#tell({ type: "typing", who, on: false });
    }, TYPING_FOR);
    this.typing.set(who.id, { who, timer });
  }

  /** A note too long to be sent comes with the message before it. */
  async #readAgain({ after }) {
    const page = this.#board.request("GET", `${this.#path}?after=${Math.max(0, after - 1)}&limit=1`);
    this.#take(await page.catch(() => ({ data: [] })));
    this.#tell({ type: "note.created" });
  }
}
