/** One row of a log, drawn. */

import { button, el, icon } from "./console.element.js";
import { avatar, clock, nameOf, whole } from "./console.words.js";

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

/**
 * @param row one of `console.rows.js`
 * @param {{me: string, unfold: (key) => void, outbox: import("./console.desk.js").Outbox}} page
 */
export function draw(row, page) {
  const node = { day: drawDay, span: drawSpan, unsent: drawUnsent }[row.kind]?.(row, page) ?? drawSaid(row, page);
  node.dataset.owner = row.owner.kind;
  node.dataset.kind = row.kind;
  node.dataset.key = row.key;
  return node;
}

function drawDay({ text }) {
  return el("div.log-row", { role: "separator", "aria-label": text }, el("span.day", null, text));
}

function drawSpan({ owner, it, text, times }) {
  const comment = it.event?.comment && el("q", { dir: "auto" }, it.event.comment);
  return el(
    "div.log-row",
    null,
    el(
      "div.change",
      null,
      el("span.pill", null, el("bdi", null, owner.name)),
      el("span", { dir: "auto" }, text, comment && ": ", comment),
      el("time", { datetime: it.at, title: whole(it.at) }, times),
    ),
  );
}

function drawSaid({ kind, key, it, continued, isOpen, seen }, page) {
  const role = kind === "note" ? "note" : it.role;
  const name = kind === "run" ? "The bot is answering" : it.author.id === page.me ? "You" : nameOf(it.author);
  const byline = el(
    "div.byline",
    null,
    role === "note" && icon("note"),
    el("bdi.name", null, name),
    role === "note" && el("span", null, "noted, for agents only"),
    it.at && el("time", { datetime: it.at, title: whole(it.at) }, clock(it.at)),
  );
  const label = `${name}${role === "note" ? ", internal note" : ""}${it.at ? `, ${clock(it.at)}` : ""}`;
  return el(
    `article.log-row.said${continued ? ".continued" : ""}`,
    { "data-role": role, "aria-label": label },
    role === "customer" && (continued ? el("span.avatar.none") : avatar(it.author.id, name)),
    el(
      "div.bubble",
      { "aria-busy": kind === "run" && "true" },
      !continued && byline,
      body(it, isOpen, () => page.unfold(key)),
    ),
    seen && el("div.seen", null, "Seen"),
  );
}

function drawUnsent({ it }, { outbox }) {
  const state = it.problem
    ? el(
        "div.row.problem",
        { role: "alert" },
        el("span", null, it.problem),
        button("Try again", () => outbox.retry(it)),
        button("Edit", () => outbox.takeBack(it)),
      )
    : el("div.muted", null, "Sending…");
  return el(
    "article.log-row.said.unsent",
    { "data-role": it.internal ? "note" : "agent", "aria-label": "Not sent yet" },
    el("div.bubble", null, el("div.words", { dir: "auto" }, plain(it.text))),
    state,
  );
}

function body({ text, role }, isOpen, unfold) {
  const shown = isOpen ? text : folded(text);
  const words = el(
    `div.words${role === "bot" ? ".markdown" : ""}`,
    { dir: "auto" },
    role === "bot" ? markdown(shown) : plain(shown),
  );
  if (shown.length === text.length) return words;
  return [words, button(`Show all ${text.length.toLocaleString()} characters`, unfold, { class: "quiet" })];
}

/** The beginning of a long text; never half a character of it. */
function folded(text) {
  let end = text.length > LONG * 1.2 ? LONG : text.length;
  for (let at = -1, lines = 0; (at = text.indexOf("\n", at + 1)) !== -1 && at < end;) if (++lines === MANY_LINES) end = at;
  return end === text.length ? text : text.slice(0, end).replace(/[\ud800-\udbff]$/, "") + "…";
}

/** Text, with its web addresses as links that tell the other side nothing. */
export function plain(text) {
  const words = document.createDocumentFragment();
  let end = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    words.append(
      text.slice(end, index),
      el("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address),
    );
    end = index + address.length;
  }
  words.append(text.slice(end));
  return words;
}
