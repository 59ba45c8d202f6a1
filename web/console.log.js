/**
 * A log. Only what is seen of it is in the document: a row's height is measured once it is drawn, and guessed before.
 * Whatever turns out otherwise, what is being read stays where it is on the screen; and at its end the list stays there.
 */

import { avatar, button, clock, customerOf, day, el, icon, lasted, nameOf, whole } from "./console.element.js";

/** In pixels. */
const NEAR_END = 40;
/** In milliseconds. */
const RESTS_AFTER = 150;
const TRIES = 4;

export class Roll {
  atEnd = true;
  #rows = [];
  #places = new Map();
  #drawn = new Map();
  #heights = new Map();
  #measured = 0;
  #tops = [0];
  /** How far off the rows are drawn, while to scroll would stop the reader's own movement. */
  #off = 0;
  #anchor = null;
  /** Any other place is the reader's wish. */
  #set = 0;
  #moves = 0;
  #frame = 0;
  #above = el("div");
  #below = el("div");
  #draw;
  #passes;

  /** `draw(row)` gives a row's element; `passes(row)` is told which one comes first on the screen. */
  constructor(props, draw, passes = () => {}) {
    this.#draw = draw;
    this.#passes = passes;
    this.node = el("div.roll", { tabindex: "0", ...props }, this.#above, this.#below);
    this.node.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.sizes = new ResizeObserver(() => this.#later());
    this.sizes.observe(this.node);
  }

  show(rows) {
    const { scrollTop } = this.node;
    const places = new Map(rows.map((row, place) => [row.key, place]));
    this.#anchorAt(scrollTop, ({ key }) => places.has(key));
    this.#rows = rows;
    this.#places = places;
    // At once, for the reader may have gone on before it is drawn.
    this.#measureTops();
    this.#off = scrollTop - this.#placeOfAnchor(scrollTop);
    this.#later();
  }

  toEnd() {
    this.atEnd = true;
    this.#later();
  }

  get screensAbove() {
    return this.node.scrollTop / (this.node.clientHeight || 1);
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.node;
    if (Math.abs(scrollTop - this.#set) < 1) return;
    clearTimeout(this.#moves);
    this.#moves = setTimeout(() => this.#later((this.#moves = 0)), RESTS_AFTER);
    // However little it is, who goes up wants to.
    this.atEnd = scrollTop > this.#set && scrollHeight - scrollTop - clientHeight < NEAR_END;
    this.#later();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.node.isConnected && this.node.clientHeight) this.#render();
    });
  }

  #render() {
    const { clientHeight } = this.node;
    let top = this.#look();
    for (let tries = 0; tries < TRIES; tries++) {
      this.#measureTops();
      const total = this.#tops.at(-1);
      top = this.#wantedTop(top, total - clientHeight);
      const from = this.#placeAt(top - this.#off - clientHeight);
      const to = Math.min(this.#rows.length, this.#placeAt(top - this.#off + 2 * clientHeight) + 1);
      this.#put(from, to);
      this.#above.style.height = `${this.#tops[from] + this.#off}px`;
      this.#below.style.height = `${total - this.#tops[to]}px`;
      const isRight = this.#measure(from, to);
      if (Math.abs(this.node.scrollTop - top) >= 1) this.node.scrollTop = top;
      if (isRight) break;
    }
    this.#set = this.node.scrollTop;
    this.#anchorAt(this.#set);
    if (this.#anchor) this.#passes(this.#rows[this.#places.get(this.#anchor.key)]);
  }

  #look() {
    const top = this.node.scrollTop;
    if (Math.abs(top - (this.#anchor?.top ?? top)) >= 1) this.#anchorAt(top);
    return top;
  }

  #anchorAt(top, stays = () => true) {
    let place = this.#placeAt(top - this.#off);
    while (place < this.#rows.length && !stays(this.#rows[place])) place++;
    const row = this.#rows[place];
    this.#anchor = row && { key: row.key, top, above: top - this.#off - this.#tops[place] };
  }

  #placeOfAnchor(top) {
    const place = this.#places.get(this.#anchor?.key);
    return place === undefined ? top : this.#tops[place] + this.#anchor.above;
  }

  /** Within the list. While the reader moves, the rows do in the screen's place. */
  #wantedTop(top, most) {
    const wanted = this.#placeOfAnchor(top);
    this.#off = top - wanted;
    const from = this.#placeAt(wanted - this.node.clientHeight);
    const isRoom = from > 0 && this.#tops[from] + this.#off >= 0;
    if (this.#moves && isRoom && !this.atEnd) return top;
    this.#off = 0;
    return Math.max(0, this.atEnd ? most : Math.min(wanted, most));
  }

  #put(from, to) {
    for (const [key, { node }] of this.#drawn) {
      const place = this.#places.get(key);
      if (place >= from && place < to) continue;
      if (node.contains(document.activeElement)) this.node.focus({ preventScroll: true });
      this.#take(key);
    }
    let next = this.#above.nextSibling;
    for (const row of this.#rows.slice(from, to)) {
      let drawn = this.#drawn.get(row.key);
      if (drawn?.look !== row.look) {
        const node = this.#draw(row);
        if (drawn) {
          if (next === drawn.node) next = next.nextSibling;
          this.#take(row.key);
        }
        this.#drawn.set(row.key, (drawn = { node, look: row.look }));
        this.sizes.observe(node);
      }
      if (drawn.node === next) next = next.nextSibling;
      else this.node.insertBefore(drawn.node, next);
    }
  }

  #take(key) {
    const { node } = this.#drawn.get(key);
    this.sizes.unobserve(node);
    node.remove();
    this.#drawn.delete(key);
  }

  #measure(from, to) {
    let isRight = true;
    for (const { key } of this.#rows.slice(from, to)) {
      const { height } = this.#drawn.get(key).node.getBoundingClientRect();
      const before = this.#heights.get(key);
      if (before !== undefined && Math.abs(before - height) < 0.5) continue;
      this.#measured += height - (before ?? 0);
      this.#heights.set(key, height);
      isRight = false;
    }
    return isRight;
  }

  #measureTops() {
    const guess = this.#heights.size ? this.#measured / this.#heights.size : 80;
    const tops = new Float64Array(this.#rows.length + 1);
    this.#rows.forEach(({ key }, place) => (tops[place + 1] = tops[place] + (this.#heights.get(key) ?? guess)));
    this.#tops = tops;
  }

  #placeAt(top) {
    let [low, high] = [0, Math.max(0, this.#rows.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const BOT = { kind: "bot", name: "Bot" };
const QUEUED = { kind: "queued", name: "Waiting" };
const ENDED = { kind: "ended", name: "Ended" };
const UNKNOWN = { kind: "unknown", name: "" };

const held = (person, me) => (person.id === me ? { kind: "mine", name: "You" } : { kind: "others", name: nameOf(person) });

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

export function sentence({ event, author }, me) {
  const who = author.id === me ? "You" : nameOf(author);
  const agent = event.agent?.id === me ? "You" : event.agent && nameOf(event.agent);
  const asked = `${who} asked for a person`;
  const reasons = { asked, bot: "The bot asked for a person", failure: "The bot could not answer" };
  switch (event.type) {
    case "escalated":
      return reasons[event.reason] ?? "Back to the queue";
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

/** Oldest first. A row whose `look` stays is not drawn again. */
export function rows(log, { thread, me, unsent = [], open = new Set() }) {
  const all = [];
  const inOrder = [...log.notes.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
  const notes = Map.groupBy(inOrder, ({ after }) => after);
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
  const addNotes = (seq) => {
    for (const note of notes.get(seq) ?? []) add("note", note.id, note);
  };

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

function lastSeen(log) {
  for (let seq = Math.min(log.seen, log.last); seq >= log.first; seq--) {
    const { role } = log.messages.get(seq);
    if (role === "bot" || role === "agent") return seq;
    if (role === "customer") return 0;
  }
  return 0;
}

/** More than this is folded: nobody reads 32,000 characters in passing. */
const LONG = 2500;
const MANY_LINES = 40;
const ADDRESS = /https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}]/g;

/** A model writes markdown. Without what reads it, its text is text. */
let markdown = plain;
const { markdown: read, style } = await import("./markdown.js").catch(() => ({}));
if (read) {
  markdown = read;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style ?? "");
  document.adoptedStyleSheets.push(sheet);
}

export function draw(row, page) {
  const node = { day: drawDay, span: drawSpan, unsent: drawUnsent }[row.kind]?.(row, page) ?? drawSaid(row, page);
  node.dataset.owner = row.owner.kind;
  node.dataset.kind = row.kind;
  node.dataset.key = row.key;
  return node;
}

function drawDay({ text }) {
  return el("div.log-row", { role: "separator", "aria-label": text }, el("span.day", text));
}

function drawSpan({ owner, it, text, times }) {
  const comment = it.event?.comment && el("q", { dir: "auto" }, it.event.comment);
  const what = el("span", { dir: "auto" }, text, comment && ": ", comment);
  const pill = el("span.pill", el("bdi", owner.name));
  return el("div.log-row", el("div.change", pill, what, el("time", { datetime: it.at, title: whole(it.at) }, times)));
}

function drawSaid({ kind, key, it, continued, isOpen, seen }, page) {
  const role = kind === "note" ? "note" : it.role;
  const name = kind === "run" ? "The bot is answering" : it.author.id === page.me ? "You" : nameOf(it.author);
  const byline = el(
    "div.byline",
    role === "note" && icon("note"),
    el("bdi.name", name),
    role === "note" && el("span", "noted, for agents only"),
    it.at && el("time", { datetime: it.at, title: whole(it.at) }, clock(it.at)),
  );
  const words = body(it, isOpen, () => page.unfold(key));
  const label = `${name}${role === "note" ? ", internal note" : ""}${it.at ? `, ${clock(it.at)}` : ""}`;
  return el(
    `article.log-row.said${continued ? ".continued" : ""}`,
    { "data-role": role, "aria-label": label },
    role === "customer" && (continued ? el("span.avatar.none") : avatar(it.author.id, name)),
    el("div.bubble", { "aria-busy": kind === "run" && "true" }, !continued && byline, words),
    seen && el("div.seen", "Seen"),
  );
}

function drawUnsent({ it }, { outbox }) {
  const actions = [button("Try again", () => outbox.retry(it)), button("Edit", () => outbox.takeBack(it))];
  const failed = () => el("div.row.problem", { role: "alert" }, el("span", it.problem), actions);
  const state = it.problem ? failed() : el("div.muted", "Sending…");
  const who = { "data-role": it.internal ? "note" : "agent", "aria-label": "Not sent yet" };
  const words = el("div.words", { dir: "auto" }, plain(it.text));
  return el("article.log-row.said.unsent", who, el("div.bubble", words), state);
}

function body({ text, role }, isOpen, unfold) {
  const shown = isOpen ? text : folded(text);
  const isBot = role === "bot";
  const words = el(isBot ? "div.words.markdown" : "div.words", { dir: "auto" }, isBot ? markdown(shown) : plain(shown));
  if (shown.length === text.length) return words;
  return [words, button(`Show all ${text.length.toLocaleString()} characters`, unfold, { class: "quiet" })];
}

/** Never ends in half a character. */
function folded(text) {
  let end = text.length > LONG * 1.2 ? LONG : text.length;
  for (let at = -1, lines = 0; (at = text.indexOf("\n", at + 1)) !== -1 && at < end;) if (++lines === MANY_LINES) end = at;
  return end === text.length ? text : text.slice(0, end).replace(/[\ud800-\udbff]$/, "") + "…";
}

export function plain(text) {
  const words = document.createDocumentFragment();
  let end = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    const link = el("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address);
    words.append(text.slice(end, index), link);
    end = index + address.length;
  }
  words.append(text.slice(end));
  return words;
}
