// @ts-self-types="./switchboard.d.ts"
/**
 * The Switchboard client: delivers each message once and in order. A log's `seq` has no gaps, so a missing message is
 * noticed and requested. Without a socket the log is polled.
 */

/** The default timing, in milliseconds. */
const TIMING = {
  pingEvery: 30_000,
  patience: 10_000,
  backOff: 500,
  backOffMost: 30_000,
  holeAfter: 1000,
  pollEvery: 3000,
  pollMost: 15_000,
  typingEvery: 3000,
};
/** Attempts of one `send()`: two minutes at most. */
const TRIES = 10;
/** Threads in one frame: a frame of 32 KB closes the socket. */
const THREADS_AT_ONCE = 50;
const JSON_TYPE = "application/json";
const STREAM = "text/event-stream";

/** `_` begins internal names. */
export class Switchboard {
  _state = "connecting";
  /** Feeds by thread id. The inbox has none. */
  #feeds = new Map();
  #staying;
  #socket;
  #token;
  #hangUp;
  #patience;
  #failures = 0;
  #pauses = new Set();
  #closing = new AbortController();

  constructor(options) {
    this._options = { ...TIMING, ...options };
    if (typeof (options.WebSocket ?? Object) !== "function") throw new TypeError("`WebSocket` must be a class");
    const page = globalThis.document;
    const { signal } = this.#closing;
    globalThis.addEventListener?.("online", () => this.#wake(true), { signal });
    page?.addEventListener("visibilitychange", () => page.hidden || this.#wake(), { signal });
  }

  thread(id, { after = 0 } = {}) {
    return this.#feeds.get(id) ?? this.#begin(new OpenThread(this, id, after));
  }

  inbox() {
    return this.#feeds.get() ?? this.#begin(new Feed(this));
  }

  async request(method, path, body, { accept = JSON_TYPE, signal } = {}) {
    const headers = { Accept: accept, "Content-Type": JSON_TYPE };
    try {
      const response = await this._fetch(path, { method, headers, body: body && JSON.stringify(body), signal });
      if (accept === STREAM) return await this.#hearAll(response.body.getReader());
      return response.status === 204 ? null : await response.json();
    } catch (error) {
      if (error instanceof SwitchboardError || signal?.aborted) throw error;
      // No token, no response, half of one, or a proxy's page.
      throw new SwitchboardError({ code: "network", detail: error.message });
    }
  }

  close() {
    this.#become("closed");
    for (const feed of this.#feeds.values()) feed._end();
    this.#closing.abort(new SwitchboardError({ code: "closed" }));
    this.#hangUp?.();
    this._hurry();
  }

  /** Fetches with the token, renewed once if it is refused. */
  async _fetch(path, { headers, signal, ...init }) {
    const { url, fetch = globalThis.fetch } = this._options;
    const end = this.#closing.signal;
    for (let renewed = false; ; renewed = true) {
      const response = await fetch(url + path, {
        ...init,
        headers: { Authorization: `Bearer ${await this.#bearer()}`, ...headers },
        signal: signal ? AbortSignal.any?.([signal, end]) ?? signal : end,
      });
      if (response.ok) return response;
      const { status } = response;
      if (status !== 401 || renewed) {
        const problem = await response.json().catch(() => {});
        const retryAfter = Number(response.headers.get("Retry-After")) || 0;
        throw new SwitchboardError({ ...problem, status, retryAfter });
      }
      this.#token = undefined;
    }
  }

  _say(frame) {
    if (this._state === "open") this.#socket.send(JSON.stringify(frame));
  }

  _leave(id) {
    this.#feeds.delete(id);
    this._say({ action: "unsubscribe", thread_id: id });
  }

  /** Waits with full jitter: clients do not all retry at once. */
  _backOff(failures, signal, atLeast = 0) {
    const { backOff, backOffMost } = this._options;
    return this._wait(atLeast + Math.random() * Math.min(backOffMost, backOff * 2 ** failures), signal);
  }

  _wait(ms, signal) {
    return new Promise((resolve) => {
      const over = () => {
        clearTimeout(timer);
        this.#pauses.delete(over);
        resolve();
      };
      const timer = setTimeout(over, this._state === "closed" || signal?.aborted ? 0 : ms);
      this.#pauses.add(over);
      signal?.addEventListener("abort", over);
    });
  }

  /** Ends all waits. */
  _hurry() {
    for (const over of this.#pauses) over();
  }

  #become(state) {
    if (this._state === state || this._state === "closed") return;
    this._state = state;
    for (const feed of this.#feeds.values()) feed._tell({ type: "connection", state });
  }

  #begin(feed) {
    this.#feeds.set(feed.id, feed);
    if (this._state === "closed") feed._end();
    if (this._state === "open") this.#sayOf("subscribe", [feed]);
    if (this._state === "polling") feed._poll?.();
    this.#staying ??= this.#stay();
    return feed;
  }

  #sayOf(action, feeds) {
    const threads = [];
    for (const feed of feeds) {
      if (feed.id) threads.push([feed.id, feed.seq]);
      else this._say({ action: "subscribe", inbox: true });
      if (action === "subscribe") feed._subscribing?.();
    }
    while (threads.length) this._say({ action, threads: Object.fromEntries(threads.splice(0, THREADS_AT_ONCE)) });
  }

  #hear(event) {
    const { type, thread_id } = event;
    if (type === "pong") this.#calm();
    if (event.code === "token_expired") {
      this.#token = undefined;
      this.#hangUp();
    } else if (type === "error" && !thread_id) {
      for (const feed of this.#feeds.values()) feed._tell(event);
    } else {
      this.#feeds.get(thread_id)?._hear(event);
      if (type === "thread.updated") this.#feeds.get()?._tell(event);
    }
  }

  /** Reads an event stream. Each event is one line of JSON. */
  async #hearAll(reader) {
    const decoder = new TextDecoder();
    for (let rest = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) this.#hear(JSON.parse(line.slice(5)));
    }
  }

  async #stay() {
    const { patience, WebSocket = globalThis.WebSocket } = this._options;
    if (!WebSocket) {
      console.warn("Switchboard polls: no `WebSocket` here. Pass that of the package `ws`.");
      return this.#poll();
    }
    for (let seen = Date.now(); this._state !== "closed"; await this._backOff(this.#failures)) {
      const lived = await this.#connect().catch(() => 0);
      // A socket that closed early is a failure too.
      this.#failures = lived > patience ? 0 : this.#failures + 1;
      if (lived) seen = Date.now();
      // The token may be to blame.
      else this.#token = undefined;
      const blocked = !lived && (this.#failures > 2 || Date.now() - seen > patience);
      if (blocked) this.#poll();
      else this.#become("connecting");
    }
  }

  #poll() {
    this.#become("polling");
    for (const feed of this.#feeds.values()) feed._poll?.();
  }

  /** Returns how long the socket was open. */
  async #connect() {
    const { socketUrl, WebSocket = globalThis.WebSocket, patience, pingEvery } = this._options;
    const token = await this.#bearer();
    if (this._state === "closed") return 0;
    const socket = (this.#socket = new WebSocket(socketUrl, ["switchboard.v1", `bearer.${token}`]));
    let opened = 0;
    let pings;
    await new Promise((gone) => {
      this.#hangUp = gone;
      this.#patience = setTimeout(gone, patience);
      socket.onclose = gone;
      socket.onerror = () => {};
      socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
      socket.onopen = () => {
        opened = Date.now();
        pings = setInterval(() => this.#ping(), pingEvery);
        this.#calm();
        this.#become("open");
        this.#sayOf("subscribe", this.#feeds.values());
        this._hurry();
      };
    });
    clearInterval(pings);
    this.#calm();
    socket.close();
    return opened && Date.now() - opened;
  }

  #ping() {
    this._say({ action: "ping" });
    this.#sayOf("ping", this.#feeds.values());
    this.#patience ??= setTimeout(this.#hangUp, this._options.patience);
  }

  #calm() {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  /** Retries now; a socket from before may be dead. */
  #wake(elsewhere) {
    this.#failures = 0;
    this._hurry();
    if (this._state === "open") elsewhere ? this.#hangUp() : this.#ping();
  }

  /** A token that failed is asked for again. */
  async #bearer() {
    const { token } = this._options;
    try {
      return await (this.#token ??= typeof token === "function" ? token() : token);
    } catch (error) {
      this.#token = undefined;
      throw error;
    }
  }
}

class Feed {
  _ended = false;
  #queues = new Set();
  #first;

  constructor(board) {
    this._board = board;
    this.#first = this.#queue();
  }

  [Symbol.asyncIterator]() {
    const queue = this.#first ?? this.#queue();
    this.#first = undefined;
    return this.#drain(queue);
  }

  _hear(event) {
    if (event.type === "subscribed") this._tell(event);
  }

  _tell(event) {
    for (const queue of this.#queues) {
      if (!this._ended) queue.push(event);
      queue.wake?.();
    }
  }

  _end() {
    this._ended = true;
    this._tell();
  }

  #queue() {
    const queue = [{ type: "connection", state: this._board._state }];
    this.#queues.add(queue);
    return queue;
  }

  async *#drain(queue) {
    try {
      while (queue.length || !this._ended) {
        if (queue.length) yield queue.shift();
        else await new Promise((wake) => (queue.wake = wake));
      }
    } finally {
      this.#queues.delete(queue);
    }
  }
}

class OpenThread extends Feed {
  #path;
  #early = new Map();
  #known = 0;
  #subscribed;
  #asked;
  #timer;
  #polling = false;
  #notes = new Set();
  #typing = 0;
  #read = 0;

  constructor(board, id, after) {
    super(board);
    this.id = id;
    this.seq = after;
    this.#path = `/threads/${encodeURIComponent(id)}`;
  }

  async send(text, { client_id = Date.now() + Math.random().toString(36).slice(1), signal, ...how } = {}) {
    const board = this._board;
    const message = { text, client_id, ...how };
    const say = (accept) => board.request("POST", `${this.#path}/chat`, message, { accept, signal });
    this.#typing = 0;
    for (let tries = 1, heard = how.internal; ; tries++) {
      try {
        // Without a socket the answer streams in here.
        if (board._state !== "open" && !heard) heard = (await say(STREAM), true);
        const answer = await say();
        this.#keep(answer);
        board._hurry();
        return answer;
      } catch (error) {
        const { code, status, retryAfter } = error;
        const passes = code === "network" || status === 502 || status === 503 || (status === 429 && retryAfter);
        if (!passes || tries === TRIES) throw error;
        await board._backOff(tries, signal, 1000 * retryAfter);
      }
    }
  }

  typing(on) {
    if (on ? Date.now() < this.#typing : !this.#typing) return;
    this.#typing = on && Date.now() + this._board._options.typingEvery;
    this.#say({ action: "typing", on });
  }

  read(seq) {
    if (seq > this.#read) this.#say({ action: "read", seq: (this.#read = seq) });
  }

  close() {
    if (!this._ended) this._board._leave(this.id);
    this._end();
  }

  _end() {
    super._end();
    clearTimeout(this.#timer);
  }

  _subscribing() {
    this.#subscribed = false;
    this.#asked = this.seq;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // The first wait is longer, for a cold start.
    this.#watch(0, 4);
  }

  _hear(event) {
    const { type, seq, note, more } = event;
    if (type === "message.created") return this.#place(event);
    if (type === "done") return;
    if (type === "subscribed") {
      this.#subscribed = true;
      const read = this.#read;
      this.#read = 0;
      this.read(read);
      if (more && seq > this.#asked) this.#subscribe(Math.max(seq, this.seq));
      return this.#watch(more ? seq + 1 : seq);
    }
    if (type === "thread.updated") this.#watch(event.thread.seq);
    if (note) {
      if (this.#notes.has(note.id)) return;
      this.#notes.add(note.id);
    }
    this._tell(event);
  }

  async _poll() {
    if (this.#polling) return;
    const board = this._board;
    const { pollEvery, pollMost } = board._options;
    this.#polling = true;
    for (let wait = 0, had; board._state === "polling" && !this._ended; await board._wait(wait)) {
      had = this.seq;
      try {
        const more = await this.#fetch(had);
        wait = more ? 0 : this.seq > had ? pollEvery : Math.min(pollMost, wait + pollEvery);
      } catch ({ status, code, message }) {
        if (status) this._tell({ type: "error", thread_id: this.id, code, detail: message });
        wait = pollMost;
      }
    }
    this.#polling = false;
  }

  #place(event) {
    const { seq } = event;
    if (seq <= this.seq || this.#early.has(seq)) return;
    // If this fails, `#watch` requests it again.
    if (event.truncated) this.#fetch(seq - 1, 1).catch(() => {});
    else this.#early.set(seq, event);
    for (let next; (next = this.#early.get(this.seq + 1)); this._tell(next)) this.#early.delete(++this.seq);
    this.#watch(seq);
  }

  #keep({ message, reply, note, thread }) {
    const thread_id = this.id;
    for (const said of [message, reply]) {
      if (said) this.#place({ type: "message.created", thread_id, seq: said.seq, message: said });
    }
    if (note) this._hear({ type: "note.created", thread_id, note });
    if (thread) this._hear({ type: "thread.updated", thread_id, thread });
  }

  /** Requests what is missing up to `seq`, less often while nothing comes. */
  #watch(seq, waits = 1) {
    this.#known = Math.max(this.#known, seq);
    const had = this.seq;
    const isWhole = () => (this.#subscribed && this.seq >= this.#known) || this._ended || this._board._state !== "open";
    if (this.#timer || isWhole()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.seq > had || isWhole()) return this.#watch(0);
      this.#subscribe(had);
      this.#watch(0, Math.min(32, 2 * waits));
    }, waits * this._board._options.holeAfter);
  }

  #say(frame) {
    if (this.#subscribed) this._board._say({ ...frame, thread_id: this.id });
  }

  #subscribe(after) {
    this.#asked = after;
    this._board._say({ action: "subscribe", threads: { [this.id]: after } });
  }

  async #fetch(after, limit = 100) {
    for (let from = `after=${after}`; ; ) {
      const page = await this._board.request("GET", `${this.#path}/messages?${from}&limit=${limit}`);
      for (const message of page.data) this.#keep({ message });
      for (const note of page.notes ?? []) this.#keep({ note });
      // Notes may fill a page.
      if (page.data.length || !page.next_cursor) return page.next_cursor;
      from = `cursor=${page.next_cursor}`;
    }
  }
}

export class SwitchboardError extends Error {
  name = "SwitchboardError";
  status = 0;
  code = "unreadable";
  detail = "";
  field = "";
  retryAfter = 0;

  constructor(problem) {
    super(problem.detail);
    Object.assign(this, problem);
  }
}
