/**
 * A thread's log, and what those who listen to it hear besides: words on their way, who is there, who types, who has
 * read. It is known from its end backwards, and never has a hole.
 */

import { learn } from "./console.words.js";

const PAGE = 100;
const TYPING_FOR = 6000;

/** `heard` with each event once it has been taken in. */
export class Log extends EventTarget {
  messages = new Map();
  first = Infinity;
  last = 0;
  notes = new Map();
  /** What runs have said so far, by their ids. */
  runs = new Map();
  /** What the bot was saying when a person took over. */
  draft = "";
  present = [];
  typing = new Map();
  /** How far the customer is known to have read. */
  seen = 0;
  /** The `client_id`s that have arrived. */
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

  /** Hears what comes after `seq`. */
  listen(seq) {
    if (this.feed) return;
    this.feed = this.#board.thread(this.id, { after: seq });
    this.#hear();
  }

  /** Reads the newest page, and listens from there on. */
  async open() {
    this.#take(await this.#board.request("GET", `${this.#path}?limit=${PAGE}`));
    this.listen(this.last);
  }

  get hasOlder() {
    return this.first > 1 && this.last > 0;
  }

  /** Reads a page of what was before. */
  older() {
    this.#older ??= this.#readOlder().finally(() => (this.#older = undefined));
    return this.#older;
  }

  close() {
    this.feed?.close();
  }

  async #readOlder() {
    this.#take(await this.#board.request("GET", `${this.#path}?before=${this.first}&limit=${PAGE}`));
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
    // The newest page may begin beyond what was heard so far; the feed will fill what is between.
    if (seq > this.last + 1 || !this.last) this.first = seq;
    this.last = Math.max(this.last, seq);
    while (this.messages.has(this.first - 1)) this.first--;
  }

  async #hear() {
    for await (const event of this.feed) {
      this.#hearOne(event);
      this.dispatchEvent(new CustomEvent("heard", { detail: event }));
    }
  }

  #hearOne(event) {
    switch (event.type) {
      case "message.created":
        this.#keep(event.message);
        this.typing.delete(event.message.author.id);
        // The bot has said it, or somebody else has the line.
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
      this.dispatchEvent(new CustomEvent("heard", { detail: { type: "typing", who, on: false } }));
    }, TYPING_FOR);
    this.typing.set(who.id, { who, timer });
  }

  /** A note too long to be sent comes with the message before it. */
  async #readAgain({ after }) {
    const page = await this.#board
      .request("GET", `${this.#path}?after=${Math.max(0, after - 1)}&limit=1`)
      .catch(() => ({ data: [] }));
    this.#take(page);
    this.dispatchEvent(new CustomEvent("heard", { detail: { type: "note.created" } }));
  }
}
