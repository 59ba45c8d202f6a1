/**
 * A thread as a store: one immutable snapshot of it, and listeners that are told of the next one. The hooks are made of
 * it; it knows no framework.
 */
import { Switchboard } from "./switchboard.js";

const PAGE_SIZE = 50;
const TYPING_TIMEOUT_MS = 6000;
/** The status after a change of owner, by its `to` or `type`. */
const STATUS_AFTER = { bot: "bot", queue: "queued", escalated: "queued", claimed: "agent", ended: "ended" };

/** The snapshot before anything is known, and on a server. */
export const UNKNOWN = Object.freeze({
  messages: Object.freeze([]),
  hasEarlier: false,
  isLoading: true,
  sending: Object.freeze([]),
  pending: "",
  progress: "",
  typing: Object.freeze([]),
  thread: undefined,
  connection: "connecting",
  error: undefined,
});

/** Methods that are handed on without the store. */
const BOUND = ["get", "subscribe", "send", "setTyping", "markRead", "loadEarlier", "fetch"];

/** Stores that several components share, by thread, or by client and then by the thread's id. */
const shared = new WeakMap();

/** The store of a thread that the caller follows, of `{ board, threadId }`, or of a client's options and `threadId`. */
export function storeOf(source) {
  if ("send" in source) return kept(shared, source, () => new ThreadStore(source.id, source));
  const { board, threadId, ...options } = source;
  if (!board) return new ThreadStore(threadId, undefined, options);
  const ofBoard = kept(shared, board, () => new Map());
  const known = ofBoard.get(threadId)?.deref();
  if (known) return known;
  // Only components hold a store: those that nobody uses any more are forgotten.
  for (const [id, store] of ofBoard) if (!store.deref()) ofBoard.delete(id);
  const store = new ThreadStore(threadId, undefined, { board });
  ofBoard.set(threadId, new WeakRef(store));
  return store;
}

function kept(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

export class ThreadStore {
  /** The token of a client that is the store's own: a string, or a function. */
  token;
  #snapshot = UNKNOWN;
  #listeners = new Set();
  #given;
  #options;
  /** Aborted when the last listener has left. */
  #following;
  #board;
  #thread;
  #opening;
  #pages;
  #posts = new Set();
  /** The run whose words are pending. */
  #run;

  constructor(id, given, options = {}) {
    this.id = id;
    this.#given = given;
    this.#options = options;
    this.token = options.token;
    for (const name of BOUND) this[name] = this[name].bind(this);
  }

  get() {
    return this.#snapshot;
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    if (!this.#opening) this.#opening = this.#open();
    return () => {
      this.#listeners.delete(listener);
      // A thread that was given is its owner's to close, and is heard on: nobody would repeat what is missed.
      if (!this.#listeners.size && !this.#given) this.#close();
    };
  }

  async send(text, options = {}) {
    const { client_id = Date.now() + Math.random().toString(36).slice(1), internal } = options;
    const others = () => this.#snapshot.sending.filter((message) => message.client_id !== client_id);
    if (!internal) this.#set({ sending: [...others(), { client_id, text }], error: undefined });
    const post = this.#post(text, { ...options, client_id });
    this.#posts.add(post);
    try {
      const answer = await post;
      this.#set({ sending: others() });
      return answer;
    } catch (error) {
      if (!internal) this.#set({ sending: [...others(), { client_id, text, error }], error });
      throw error;
    } finally {
      this.#posts.delete(post);
    }
  }

  setTyping(on) {
    this.#thread?.typing(on);
  }

  markRead() {
    const { seq } = this.#snapshot.messages.at(-1) ?? {};
    if (seq) this.#thread?.read(seq);
  }

  loadEarlier() {
    const { messages, hasEarlier } = this.#snapshot;
    if (!hasEarlier) return Promise.resolve();
    return (this.#pages ??= this.#read(`&before=${messages[0].seq}`)
      .then((page) => this.#place(page))
      .finally(() => (this.#pages = undefined)));
  }

  /** A request with the client's token. */
  async fetch(path, request) {
    if (!this.#board) throw this.#notFollowed();
    return this.#board._fetch(path, request);
  }

  async #post(text, options) {
    if (!this.#thread) await this.#opening;
    if (!this.#thread) throw this.#notFollowed();
    return this.#thread.send(text, options);
  }

  #notFollowed() {
    return this.#snapshot.error ?? new Error("The thread is not followed: no component uses it.");
  }

  /** Reads the newest page and follows from there. */
  async #open() {
    if (!this.id) return this.#set({ isLoading: false });
    const { signal } = (this.#following = new AbortController());
    this.#snapshot = UNKNOWN;
    this.#board = this.#given?._board ?? this.#options.board ?? this.#newBoard();
    if (this.#given) this.#follow(this.#given, signal);
    const [thread, page] = (await this.#readNewest(signal)) ?? [];
    if (!page || signal.aborted) return;
    this.#place(page, { thread, isLoading: false, error: undefined });
    if (this.#given) return;
    const after = page.at(-1)?.seq ?? 0;
    const followed = this.#board.thread(this.id, { after });
    this.#follow(followed, signal);
    // The client may have followed it before, and told others what came after that page.
    const [, missed] = (followed.seq > after && (await this.#readNewest(signal))) || [];
    if (missed && !signal.aborted) this.#place(missed);
  }

  /** Reads the thread and its newest page, again after a failure that may pass; gives nothing if they are refused. */
  async #readNewest(signal) {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await Promise.all([this.#readThread(), this.#read()]);
      } catch (error) {
        if (signal.aborted) return;
        const { status, code, retryAfter } = error;
        const isRefusal = code === "closed" || (status >= 400 && status < 500 && status !== 429);
        this.#set({ error, ...(isRefusal && { isLoading: false }) });
        if (isRefusal) return;
        await this.#board._backOff(failures, signal, 1000 * retryAfter);
      }
    }
  }

  #newBoard() {
    const token = async () => (typeof this.token === "function" ? this.token() : this.token);
    return new Switchboard({ ...this.#options, token });
  }

  #close() {
    this.#following?.abort();
    this.#opening = undefined;
    const [thread, board, posts] = [this.#thread, this.#board, [...this.#posts]];
    this.#thread = this.#board = undefined;
    // What was being sent is sent. A component that came meanwhile may use the same thread of a shared client.
    const end = () => {
      if (!this.#options.board) board?.close();
      else if (thread !== this.#thread) thread?.close();
    };
    if (posts.length) Promise.allSettled(posts).then(end);
    else end();
  }

  async #follow(thread, signal) {
    this.#thread = thread;
    for await (const event of thread) {
      if (signal.aborted) return;
      this.#hear(event);
    }
  }

  #readThread() {
    return this.#board.request("GET", this.#path());
  }

  async #read(more = "") {
    return (await this.#board.request("GET", this.#path(`/messages?limit=${PAGE_SIZE}${more}`))).data;
  }

  #path(rest = "") {
    return `/threads/${encodeURIComponent(this.id)}${rest}`;
  }

  #hear(event) {
    const { type, who, thread } = event;
    const { thread: known, typing } = this.#snapshot;
    if (type === "connection") this.#connected(event.state);
    else if (type === "error") this.#set({ error: event });
    else if (type === "thread.updated" && !(thread.seq < known?.seq)) this.#set({ thread });
    else if (type === "message.created") this.#heard(event.message);
    else if (type === "message.progress") this.#set({ progress: event.text });
    else if (type === "message.delta") this.#stream(event);
    else if (type === "message.discarded" && event.run_id === this.#run) this.#set({ pending: "", progress: "" });
    else if (type === "typing") {
      const others = typing.filter(({ id }) => id !== who.id);
      this.#set({ typing: event.on ? [...others, who] : others });
      if (event.on) setTimeout(() => this.#stopTyping(who), TYPING_TIMEOUT_MS);
    }
  }

  async #connected(connection) {
    this.#set({ connection, ...(connection === "open" && { error: undefined }) });
    if (connection !== "open" || this.#snapshot.thread) return;
    const thread = await this.#readThread().catch(() => {});
    if (!this.#snapshot.thread) this.#set({ thread });
  }

  #heard(message) {
    const { role, seq, author, event, client_id } = message;
    const { thread, typing, sending } = this.#snapshot;
    const next = {};
    if (event && seq > (thread?.seq ?? 0)) {
      next.thread = thread && { ...thread, seq, status: STATUS_AFTER[event.to ?? event.type], agent: event.agent };
    }
    // Not for the greeting, which may come after the first words of an answer.
    if (event || (role === "bot" && seq > 1)) Object.assign(next, { pending: "", progress: "" });
    if (typing.some(({ id }) => id === author.id)) next.typing = typing.filter(({ id }) => id !== author.id);
    if (sending.some((one) => one.client_id === client_id)) {
      next.sending = sending.filter((one) => one.client_id !== client_id);
    }
    this.#place([message], next);
  }

  /** The time is over unless `who` has typed again, which is another object. */
  #stopTyping(who) {
    const { typing } = this.#snapshot;
    if (typing.includes(who)) this.#set({ typing: typing.filter((other) => other !== who) });
  }

  #stream({ run_id, index, text }) {
    const { thread, pending } = this.#snapshot;
    const known = run_id === this.#run ? pending : "";
    const isLate = (thread && thread.status !== "bot") || !this.#isUnanswered();
    // The text may be known already, or its beginning may have been missed. At index 0 it starts over.
    if (isLate || (index && known.startsWith(text, index)) || index > known.length) return;
    this.#run = run_id;
    this.#set({ pending: known.slice(0, index) + text, ...(text && { progress: "" }) });
  }

  #isUnanswered() {
    const { messages, sending } = this.#snapshot;
    const asked = messages.findLast(({ role }) => role === "customer");
    const answer = messages.findLast(({ role, answers }) => role === "agent" || answers);
    return sending.length > 0 || asked?.seq > (answer?.answers?.through ?? answer?.seq ?? 0);
  }

  /** Puts new messages into the order of the log. */
  #place(news, more) {
    const { messages } = this.#snapshot;
    const known = new Set(messages.map(({ seq }) => seq));
    const added = news.filter(({ seq }) => !known.has(seq));
    const all = added.length ? [...messages, ...added].sort((one, other) => one.seq - other.seq) : messages;
    this.#set({ messages: all, hasEarlier: all[0]?.seq > 1, ...more });
  }

  #set(change) {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}
