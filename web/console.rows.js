/** A thread's log as rows, oldest first: days, changes of owner, messages, notes, running answers, unsent messages. */

import { describeChange, ENDED, firstOwner, ownerAfter } from "./console.line.js";
import { customerName } from "./console.people.js";
import { formatDay, formatDuration, formatTime } from "./console.time.js";

/**
 * Builds a log's rows. A row whose `fingerprint` is unchanged need not be drawn again.
 * `expanded` holds the keys of the rows that show their whole text.
 */
export function logRows(log, options) {
  return new RowBuilder(log, options).build();
}

class RowBuilder {
  #log;
  #thread;
  #me;
  #unsent;
  #expanded;
  #rows = [];
  #owner;
  /** The row that opened the current owner's span. */
  #span;
  #date = "";
  #previous = {};

  constructor(log, { thread, me, unsent = [], expanded = new Set() }) {
    this.#log = log;
    this.#thread = thread;
    this.#me = me;
    this.#unsent = unsent;
    this.#expanded = expanded;
    this.#owner = firstOwner(log, me);
  }

  build() {
    const { first, last, messages } = this.#log;
    const notes = notesBySeq(this.#log);
    const seen = lastSeenSeq(this.#log);
    for (let seq = first; seq <= last; seq++) {
      const message = messages.get(seq);
      this.#addDay(message);
      if (seq === 1) {
        this.#addStart(message);
        this.#addNotes(notes.get(0));
      }
      if (message.role === "system") this.#addChange(message);
      else this.#add("message", seq, message, { isSeen: message.role !== "customer" && seq === seen });
      this.#addNotes(notes.get(seq));
    }
    if (this.#span) this.#closeSpan();
    this.#addRuns();
    this.#addUnsent();
    return this.#rows;
  }

  #add(kind, key, item, more = {}) {
    const owner = this.#owner;
    const continued = kind === this.#previous.kind && item.author?.id === this.#previous.item?.author?.id;
    const row = { kind, key, item, owner, continued, isExpanded: this.#expanded.has(key), ...more };
    const { isExpanded, isSeen = "", text = "" } = row;
    row.fingerprint = [kind, owner.kind, owner.name, continued, isExpanded, isSeen, text].join("|");
    this.#rows.push(row);
    this.#previous = row;
    return row;
  }

  #addDay(message) {
    const date = new Date(message.at).toDateString();
    if (date === this.#date) return;
    this.#date = date;
    this.#add("day", `day ${message.seq}`, message, { text: formatDay(message.at) });
  }

  #addStart({ at }) {
    const who = this.#thread && customerName(this.#thread);
    this.#openSpan("start", { at }, who ? `${who} started the conversation` : "The conversation started");
  }

  #addChange(message) {
    const text = describeChange(message, this.#me, this.#owner);
    this.#owner = ownerAfter(message, this.#me);
    this.#openSpan(message.seq, message, text);
  }

  #addNotes(notes = []) {
    for (const note of notes) this.#add("note", note.id, note);
  }

  #addRuns() {
    for (const [id, { from, text, progress }] of this.#log.runs) {
      if (text) this.#add("run", id, { author: {}, role: "bot", text }, { text: `${from}${text}` });
      else if (progress) this.#add("progress", id, { author: {}, text: progress }, { text: progress });
    }
  }

  #addUnsent() {
    for (const message of this.#unsent) {
      if (this.#log.clientIds.has(message.client_id)) continue;
      this.#add("unsent", message.client_id, message, { text: message.problem });
    }
  }

  #openSpan(key, item, text) {
    if (this.#span) this.#closeSpan(item.at);
    this.#span = this.#add("span", key, item, { text });
  }

  /** Sets the times of the current span, which ends at `end` or else is still open. */
  #closeSpan(end) {
    const span = this.#span;
    span.times = spanTimes(span, end);
    span.fingerprint += span.times;
  }
}

function spanTimes({ owner, item }, end) {
  const from = formatTime(item.at);
  if (owner === ENDED) return from;
  if (!end) return `since ${from}`;
  const to = formatTime(end);
  return from === to ? from : `${from} – ${to} · ${formatDuration(Date.parse(end) - Date.parse(item.at))}`;
}

/** The notes in the order of their times, by the `seq` of the message that they follow. */
function notesBySeq(log) {
  const sorted = [...log.notes.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
  return Map.groupBy(sorted, ({ after }) => after);
}

/** The last of the bot's and agents' messages that the customer has read, unless the customer wrote after it. */
function lastSeenSeq(log) {
  for (let seq = Math.min(log.customerReadThrough, log.last); seq >= log.first; seq--) {
    const { role } = log.messages.get(seq);
    if (role === "bot" || role === "agent") return seq;
    if (role === "customer") return 0;
  }
  return 0;
}
