const PAGE_SIZE = 50;
const TYPING_TIMEOUT_MS = 6000;
/** The status after a change of owner, by its `to` or `type`. */
const STATUS_AFTER = { bot: "bot", queue: "queued", escalated: "queued", claimed: "agent", ended: "ended" };

/** The visitor's conversation. Events: `change`, `clear` before another log, and `unsent`. */
export class Conversation extends EventTarget {
  status = "bot";
  agent;
  typist;
  connection;
  problem;
  thread;
  /** The messages in order; another array for another thread. */
  log = [];
  /** The `seq` of the log's first message, and of the last before this page. */
  first;
  past;
  /** Unfinished answers by run. */
  streams = new Map();
  /** The bot's words before its answer. */
  progress;
  /** Unsent messages by `client_id`. */
  unsent = new Map();
  #session;
  #id;
  #opening;
  #typingTimer;
  #turn = Promise.resolve();

  constructor(session) {
    super();
    this.#session = session;
    for (const kept of session.tab.unsent ?? []) this.unsent.set(kept.client_id, { failed: "network", ...kept });
  }

  /** Continues the stored conversation, or shows the greeting. */
  async resume() {
    const session = this.#session;
    const { host, stored } = session;
    const id = stored.thread;
    if (!id && !host.open) return;
    this.problem = undefined;
    stored.next ??= unique();
    try {
      await session.connect();
      if (id) this.#listen(id);
      else await session.token();
    } catch (error) {
      this.report(error);
    }
  }

  refresh({ type }) {
    if (this.#id && this.#id !== this.#session.stored.thread) this.leave();
    this.resume();
    this.#changed();
    if (type !== "online" || this.status === "ended") return;
    for (const message of this.unsent.values()) if (message.failed === "network") this.post(message);
  }

  /** Creates the thread if there is none: the same one in all tabs, by the idempotency key `next`. */
  async #begin() {
    const { stored, chatbot_id } = this.#session;
    const board = await this.#session.connect();
    const isNew = !stored.thread;
    if (isNew) stored.thread = (await board.request("POST", "/threads", { chatbot_id })).id;
    return (await this.#listen(stored.thread, isNew)) ?? this.#begin();
  }

  #listen(id, isNew) {
    if (id !== this.#id) {
      this.leave();
      this.#id = id;
      this.#opening = this.#follow(id, isNew);
    }
    return this.#opening;
  }

  /** Follows from the newest page on, else from the beginning. */
  async #follow(id, isNew) {
    const { board } = this.#session;
    const { log } = this;
    const newest = () => Promise.all([board.request("GET", `/threads/${id}`), this.read()]).catch(() => {});
    const [now, page] = (!isNew && (await newest())) || [];
    if (log !== this.log) return;
    if (now) {
      this.status = now.status;
      this.agent = now.agent;
      for (const message of page) this.#place(message);
      this.first = page[0]?.seq;
      this.past = page.at(-1)?.seq;
    }
    this.thread = board.thread(id, { after: this.past });
    this.#hearAll(this.thread);
    return this.thread;
  }

  async #hearAll(thread) {
    for await (const event of thread) {
      if (thread !== this.thread) return;
      this.#hear(event);
      this.#changed();
    }
  }

  async read(before = "") {
    const path = `/threads/${this.#id}/messages?limit=${PAGE_SIZE}${before && `&before=${before}`}`;
    return (await this.#session.board.request("GET", path)).data;
  }

  /** Puts a page before the log; returns false if they do not join. */
  prepend(page) {
    if (page.at(-1)?.seq !== this.first - 1) return false;
    this.first = page[0].seq;
    this.log.unshift(...page);
    this.#changed();
    return true;
  }

  leave() {
    this.thread?.close();
    this.#id = this.thread = this.connection = this.agent = this.progress = undefined;
    this.status = "bot";
    this.#stopTyping();
    this.streams.clear();
    this.log = [];
    this.first = this.past = undefined;
    this.#changed("clear");
  }

  anew() {
    Object.assign(this.#session.stored, { next: unique(), read: 0, thread: null });
    this.leave();
    this.resume();
  }

  #hear(event) {
    const { type, who } = event;
    if (type === "connection") this.connection = event.state;
    // Until the next message, or words of it: an empty text has none.
    if (/^message/.test(type) && event.text !== "") this.progress = type === "message.progress" && event.text;
    if (type === "message.created") this.#place(event.message);
    if (type === "message.delta") this.#stream(event);
    if (type === "message.discarded") this.#withdraw(event.run_id);
    if (type === "read" && who.role === "customer") this.#setRead(event.seq);
    if (type === "typing" && who.role !== "customer") {
      this.#stopTyping();
      this.typist = event.on && who;
      if (event.on) this.#typingTimer = setTimeout(() => this.#stopTyping(), TYPING_TIMEOUT_MS);
    }
    if (type === "error") {
      if (event.code === "not_found") this.anew();
      this.report(event);
    }
  }

  #stopTyping() {
    clearTimeout(this.#typingTimer);
    this.typist = undefined;
    this.#changed();
  }

  #place(message) {
    const { role, seq, author, event } = message;
    this.log.push(message);
    if (author.id === this.typist?.id) this.#stopTyping();
    // Not for the greeting, which may come after the first words of an answer.
    if (role === "bot" && seq > 1) this.streams.clear();
    if (role === "customer") this.discard(message.client_id);
    if (event) {
      for (const run of this.streams.keys()) this.#withdraw(run);
      this.status = STATUS_AFTER[event.to ?? event.type];
      this.agent = event.agent;
    }
  }

  #stream({ run_id, index, text }) {
    const known = this.streams.get(run_id) ?? "";
    const isLate = this.status !== "bot" || !(this.unsent.size || this.isUnanswered());
    // The text may be known, or its beginning missed. At index 0 it starts over.
    if (isLate || (index && known.startsWith(text, index)) || index > known.length) return;
    this.streams.set(run_id, known.slice(0, index) + text);
  }

  #withdraw(run) {
    if (this.streams.get(run)) this.log.push({ event: { type: "withdrawn" } });
    this.streams.delete(run);
  }

  isUnanswered() {
    const asked = this.log.findLast(({ role }) => role === "customer");
    const answer = this.log.findLast(({ role, answers }) => role === "agent" || answers);
    return asked?.seq > (answer?.answers?.through ?? answer?.seq ?? 0);
  }

  markRead() {
    const { seq } = this.log.at(-1) ?? {};
    this.#setRead(seq);
    this.thread?.read(seq);
  }

  #setRead(seq) {
    const { stored } = this.#session;
    if (seq > stored.read) stored.read = seq;
  }

  send(text) {
    this.thread?.typing(false);
    if (text) this.post({ client_id: unique(), text });
  }

  /** Posts in order, but without waiting for the answer. */
  post(message) {
    if (this.status === "ended") this.anew();
    this.problem = message.failed = undefined;
    this.unsent.set(message.client_id, message);
    this.#unsentChanged();
    const arrival = new Promise((arrived) => (message.arrived = arrived));
    this.#turn = this.#turn.then(() => Promise.race([this.#deliver(message), arrival]));
  }

  async #deliver(message) {
    const { client_id, text } = message;
    try {
      await (await this.#begin()).send(text, { client_id });
      this.discard(client_id);
    } catch (error) {
      if (!this.unsent.has(client_id)) return;
      message.failed = error.code ?? "network";
      this.#unsentChanged();
      this.report(error);
    }
  }

  /** Drops an unsent message that is in the log, or unwanted. */
  discard(client_id) {
    this.unsent.get(client_id)?.arrived?.();
    if (this.unsent.delete(client_id)) this.#unsentChanged();
  }

  #unsentChanged() {
    this.#session.tab.unsent = [...this.unsent.values()];
    this.#changed("unsent");
  }

  async change(verb, then) {
    const before = this.status;
    try {
      const { id } = await this.#begin();
      await this.#session.board.request("POST", `/threads/${id}/${verb}`, {});
      if (this.status === before) this.status = then;
      this.#changed();
    } catch (error) {
      this.report(error);
    }
  }

  report({ code = "network" }) {
    this.problem = code;
    this.#changed();
  }

  #changed(type = "change") {
    this.dispatchEvent(new Event(type));
  }
}

const unique = () => Date.now() + Math.random().toString(36).slice(1);
