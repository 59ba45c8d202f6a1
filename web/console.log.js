/** A thread's log as this agent has loaded and heard it: messages, notes, running answers, presence, typing, reads. */

import { rememberName } from "./console.people.js";

const MESSAGES_PER_PAGE = 100;
/** Time after a `typing` event until the person counts as no longer typing. */
const TYPING_TIMEOUT_MS = 6000;
const OLDER_RETRY_DELAY_MS = 3000;

/**
 * The messages from `first` to `last` are known without a gap; older ones are loaded on request.
 * Dispatches `received` with each event after it has been applied.
 */
export class Log extends EventTarget {
  /** Messages by `seq`. */
  messages = new Map();
  first = Infinity;
  last = 0;
  /** Notes by id. */
  notes = new Map();
  /**
   * Runs by id: the `text` streamed so far, the index `from` which it is known, and the bot's `progress` before it.
   * `startsOver` is true after an answer: the run's next one begins at index 0.
   */
  runs = new Map();
  /** The text of a withdrawn answer, which an agent may use. */
  draft = "";
  present = [];
  /** People who are typing, by id. */
  typing = new Map();
  /** The highest `seq` that the customer has read. */
  customerReadThrough = 0;
  /** The client ids of all known messages and notes. An unsent message whose id is among them has arrived. */
  clientIds = new Set();
  feed = null;
  #client;
  #path;
  /** Runs that lost the line. */
  #endedRuns = new Set();
  /** The highest `seq` of the customer's messages, and of those that are answered. */
  #asked = 0;
  #answered = 0;
  /** The time of the newest `presence` event: events may arrive out of order. */
  #presenceAt = "";
  #loadingOlder;

  constructor(client, id) {
    super();
    this.id = id;
    this.#client = client;
    this.#path = `/threads/${encodeURIComponent(id)}/messages`;
  }

  /** Subscribes to the thread's events after `seq`. */
  listen(seq) {
    if (this.feed) return;
    this.feed = this.#client.thread(this.id, { after: seq });
    this.#receiveAll();
  }

  /** Loads the newest messages and subscribes. */
  async open() {
    await this.#load();
    this.listen(this.last);
  }

  get hasOlder() {
    return this.first > 1 && this.last > 0;
  }

  /** Loads the messages before `first`. After a failure it resolves with a delay, so that a caller may ask again. */
  loadOlder() {
    const wait = () => new Promise((resolve) => setTimeout(resolve, OLDER_RETRY_DELAY_MS));
    this.#loadingOlder ??= this.#load({ before: this.first })
      .catch(wait)
      .finally(() => (this.#loadingOlder = undefined));
    return this.#loadingOlder;
  }

  close() {
    this.feed?.close();
  }

  /** Loads the page of a query, and further ones while notes alone have filled it. */
  async #load({ limit = MESSAGES_PER_PAGE, ...from } = {}) {
    for (let query = from; query; ) {
      const page = await this.#client.request("GET", `${this.#path}?${new URLSearchParams({ ...query, limit })}`);
      this.#addPage(page);
      query = page.next_cursor && !page.data.length && { cursor: page.next_cursor };
    }
  }

  #addPage({ data, notes }) {
    for (const message of data) this.#addMessage(message);
    for (const note of notes ?? []) this.notes.set(note.id, note);
  }

  #addMessage(message) {
    const { seq } = message;
    rememberName(message.author);
    if (message.client_id) this.clientIds.add(message.client_id);
    this.messages.set(seq, message);
    // The newest page may begin after what the feed has brought; the feed fills the gap.
    if (seq > this.last + 1 || !this.last) this.first = seq;
    this.last = Math.max(this.last, seq);
    const { role, answers } = message;
    if (role === "customer") this.#asked = Math.max(this.#asked, seq);
    const through = role === "agent" ? seq : (answers?.through ?? 0);
    this.#answered = Math.max(this.#answered, through);
    while (this.messages.has(this.first - 1)) this.first--;
  }

  async #receiveAll() {
    for await (const event of this.feed) {
      this.#apply(event);
      this.#dispatch(event);
    }
  }

  #dispatch(detail) {
    this.dispatchEvent(new CustomEvent("received", { detail }));
  }

  #apply(event) {
    switch (event.type) {
      case "message.created":
        return this.#applyMessage(event.message);
      case "message.delta":
        return this.#applyDelta(event);
      case "message.progress":
        return this.#applyProgress(event);
      case "message.discarded":
        return this.#applyDiscarded(event);
      case "note.created":
        return this.#applyNote(event);
      case "presence":
        return this.#applyPresence(event);
      case "typing":
        return this.#applyTyping(event);
      case "read":
        return this.#applyRead(event);
    }
  }

  #applyMessage(message) {
    this.#addMessage(message);
    this.typing.delete(message.author.id);
    if (message.role === "customer") return;
    for (const id of this.runs.keys()) {
      // The bot may go on with another answer; a run that has lost the line does not.
      if (message.role !== "bot") this.#endedRuns.add(id);
      this.runs.set(id, { startsOver: true });
    }
    if (message.role === "bot") this.draft = "";
  }

  #applyDelta({ run_id, index, text }) {
    if (!this.#isRunning(run_id)) return;
    // A listener that joins in the middle of an answer has missed its beginning.
    const { text: known = "", from = index, progress, startsOver } = this.runs.get(run_id) ?? {};
    if (startsOver && index) return;
    const whole = index ? known.slice(0, Math.max(0, index - from)) + text : text;
    // An empty text begins no answer: what the bot said before it is shown again.
    this.runs.set(run_id, { text: whole, from: index && from, progress: whole ? "" : progress });
  }

  #applyProgress({ run_id, text }) {
    if (this.#isRunning(run_id)) this.runs.set(run_id, { ...this.runs.get(run_id), progress: text });
  }

  #applyDiscarded({ run_id, draft }) {
    this.runs.set(run_id, { startsOver: true });
    if (draft) this.draft = draft;
  }

  /** True if the run may still answer. After an answer, what comes while nothing is left to answer is late. */
  #isRunning(id) {
    const isLate = this.runs.get(id)?.startsOver && this.#asked <= this.#answered;
    return !isLate && !this.#endedRuns.has(id);
  }

  #applyNote({ note, truncated }) {
    if (truncated) this.#loadNote(note);
    this.notes.set(note.id, note);
    if (note.client_id) this.clientIds.add(note.client_id);
    rememberName(note.author);
  }

  #applyPresence({ at, present }) {
    if (at < this.#presenceAt) return;
    this.#presenceAt = at;
    this.present = present;
    for (const person of present) rememberName(person);
  }

  #applyTyping({ who, on }) {
    rememberName(who);
    clearTimeout(this.typing.get(who.id)?.timer);
    this.typing.delete(who.id);
    if (!on) return;
    const timer = setTimeout(() => {
      this.typing.delete(who.id);
      this.#dispatch({ type: "typing", who, on: false });
    }, TYPING_TIMEOUT_MS);
    this.typing.set(who.id, { who, timer });
  }

  #applyRead({ who, seq }) {
    if (who.role === "customer") this.customerReadThrough = Math.max(this.customerReadThrough, seq);
  }

  /** Loads a note that was too long for an event: REST returns it before the next message. */
  async #loadNote({ after }) {
    await this.#load({ after, limit: 1 }).catch(() => {});
    this.#dispatch({ type: "note.created" });
  }
}
