/** Who held the line from when to when, and a log as rows under them. */

import { clock, customerOf, day, lasted, nameOf } from "./console.words.js";

const BOT = { kind: "bot", name: "Bot" };
const QUEUED = { kind: "queued", name: "Waiting" };
const ENDED = { kind: "ended", name: "Ended" };
const UNKNOWN = { kind: "unknown", name: "" };

const held = (person, me) => (person.id === me ? { kind: "mine", name: "You" } : { kind: "others", name: nameOf(person) });

/** Who holds a thread now. */
export function holderOf(thread, me) {
  if (thread.status === "agent") return held(thread.agent, me);
  return { bot: BOT, queued: QUEUED, ended: ENDED }[thread.status];
}

function after({ event }, me) {
  switch (event.type) {
    case "escalated":
      return QUEUED;
    case "claimed":
      return held(event.agent, me);
    case "released":
    case "timed_out":
      return event.to === "bot" ? BOT : QUEUED;
    default:
      return ENDED;
  }
}

/** What a change of owner was, in a sentence. */
export function sentence({ event, author }, me) {
  const who = author.id === me ? "You" : nameOf(author);
  const agent = event.agent?.id === me ? "You" : event.agent && nameOf(event.agent);
  switch (event.type) {
    case "escalated":
      return (
        { asked: `${who} asked for a person`, bot: "The bot asked for a person", failure: "The bot could not answer" }[
          event.reason
        ] ?? "Back to the queue"
      );
    case "claimed":
      return `${agent} took the line`;
    case "released":
      return event.to === "bot" ? `${who} gave the line to the bot` : `${who} gave it back to the queue`;
    case "timed_out":
      return event.to === "bot" ? "Nobody came, so the bot goes on" : "The agent was away: back to the queue";
    default:
      return `${who} ended it`;
  }
}

/** Of what comes before the first change that is known, the next one and who spoke tell something. */
function before(log, me) {
  if (log.first === 1) return BOT;
  for (let seq = log.first; seq <= log.last; seq++) {
    const { role, author, event } = log.messages.get(seq);
    if (role === "bot") return BOT;
    if (role === "agent") return held(author, me);
    if (role === "system") return event.type === "released" && event.to === "queue" ? held(author, me) : UNKNOWN;
  }
  return UNKNOWN;
}

/**
 * The log as rows, oldest first: `{key, kind, owner, look, …}`. `kind` is `day`, `span`, `message`, `note`, `run` or
 * `unsent`; a row whose `look` stays need not be drawn again.
 */
export function rows(log, { thread, me, unsent = [], open = new Set() }) {
  const all = [];
  const notes = Map.groupBy(log.notes.values(), ({ after }) => after);
  let owner = before(log, me);
  let span;
  let today = "";
  let previous = {};

  const add = (kind, key, it, more = {}) => {
    const continued = kind === previous.kind && it.author?.id === previous.it?.author?.id;
    const row = { kind, key, it, owner, continued, isOpen: open.has(key), ...more };
    row.look = [kind, owner.kind, owner.name, continued, row.isOpen, row.seen ?? "", row.text ?? ""].join("|");
    all.push((previous = row));
    return row;
  };
  const begin = (key, it, text) => {
    if (span) finish(it.at);
    span = add("span", key, it, { text });
  };
  const finish = (end) => {
    const from = clock(span.it.at);
    const to = end && clock(end);
    if (span.owner === ENDED) span.times = from;
    else if (!end) span.times = `since ${from}`;
    else span.times = from === to ? from : `${from} – ${to} · ${lasted(Date.parse(end) - Date.parse(span.it.at))}`;
    span.look += span.times;
  };
  const addNotes = (seq) =>
    notes
      .get(seq)
      ?.sort((a, b) => (a.at < b.at ? -1 : 1))
      .forEach((note) => add("note", note.id, note));

  for (let seq = log.first; seq <= log.last; seq++) {
    const it = log.messages.get(seq);
    const date = new Date(it.at).toDateString();
    if (date !== today) {
      today = date;
      add("day", `day ${seq}`, it, { text: day(it.at) });
    }
    if (seq === 1) {
      begin("start", { at: it.at }, thread ? `${customerOf(thread)} came` : "The conversation began");
      addNotes(0);
    }
    if (it.role === "system") {
      owner = after(it, me);
      begin(seq, it, sentence(it, me));
    } else {
      add("message", seq, it, { seen: it.role !== "customer" && seq === lastSeen(log) });
    }
    addNotes(seq);
  }
  if (span) finish();
  for (const [id, { from, text }] of log.runs) add("run", id, { author: {}, role: "bot", text }, { text: `${from}${text}` });
  for (const it of unsent) {
    if (!log.said.has(it.client_id)) add("unsent", it.client_id, it, { text: it.problem });
  }
  return all;
}

/** The last of our messages that the customer has read. */
function lastSeen(log) {
  for (let seq = Math.min(log.seen, log.last); seq >= log.first; seq--) {
    const { role } = log.messages.get(seq);
    if (role === "bot" || role === "agent") return seq;
    // They have said something since: that they had read so far goes without saying.
    if (role === "customer") return 0;
  }
  return 0;
}
