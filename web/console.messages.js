/** Drawing the rows of a log: messages, notes, changes of owner, days. */

import { button, el, icon } from "./console.element.js";
import { avatar, nameOf } from "./console.people.js";
import { formatDateTime, formatTime } from "./console.time.js";
import { footnotes } from "./footnotes.js";

/** A text beyond these limits is shown shortened until it is expanded. */
const MAX_SHOWN_CHARACTERS = 2500;
const MAX_SHOWN_LINES = 40;

const URLS = /https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}]/g;

/** Models write Markdown. If the renderer cannot be loaded, their text is shown as it is. */
let renderMarkdown = renderPlain;
const { markdown, style } = await import("./markdown.js").catch(() => ({}));
if (markdown) {
  renderMarkdown = markdown;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style ?? "");
  document.adoptedStyleSheets.push(sheet);
}

/** Draws a row. `context` has the reader's id `me`, the `outbox` of unsent messages, and `expand(key)`. */
export function drawRow(row, context) {
  const draw = { day: drawDay, span: drawSpan, progress: drawProgress, unsent: drawUnsent }[row.kind] ?? drawMessage;
  const node = draw(row, context);
  node.dataset.owner = row.owner.kind;
  node.dataset.kind = row.kind;
  node.dataset.key = row.key;
  return node;
}

function drawDay({ text }) {
  return el("div.log-row", { role: "separator", "aria-label": text }, el("span.day", text));
}

function drawSpan({ owner, item, text, times }) {
  const comment = item.event?.comment && el("q", { dir: "auto" }, item.event.comment);
  const pill = el("span.pill", el("bdi", owner.name));
  const change = el("span", { dir: "auto" }, text, comment && ": ", comment);
  const time = el("time", { datetime: item.at, title: formatDateTime(item.at) }, times);
  return el("div.log-row", el("div.owner-change", pill, change, time));
}

function drawMessage({ kind, key, item, continued, isExpanded, isSeen }, { me, expand }) {
  const role = kind === "note" ? "note" : item.role;
  const name = kind === "run" ? "The bot is answering" : item.author.id === me ? "You" : nameOf(item.author);
  const byline = el(
    "div.byline",
    role === "note" && icon("note"),
    el("bdi.name", name),
    role === "note" && el("span", "note for agents only"),
    item.at && el("time", { datetime: item.at, title: formatDateTime(item.at) }, formatTime(item.at)),
  );
  const label = `${name}${role === "note" ? ", note for agents only" : ""}${item.at ? `, ${formatTime(item.at)}` : ""}`;
  return el(
    `article.log-row.message${continued ? ".continued" : ""}`,
    { "data-role": role, "aria-label": label },
    role === "customer" && (continued ? el("span.avatar.none") : avatar(item.author.id, name)),
    el(
      "div.bubble",
      { "aria-busy": kind === "run" && "true" },
      !continued && byline,
      drawText(item, isExpanded, () => expand(key)),
    ),
    footnotes(item),
    isSeen && el("div.seen", "Seen"),
  );
}

/** The bot's words before its answer. */
function drawProgress({ text }) {
  const words = el("p.progress", { dir: "auto" }, text);
  return el("article.log-row.message", { "data-role": "bot", "aria-label": "The bot’s progress" }, words);
}

function drawUnsent({ item }, { outbox }) {
  const actions = [button("Try again", () => outbox.retry(item)), button("Edit", () => outbox.edit(item))];
  const problem = () => el("div.row.problem", { role: "alert" }, el("span", item.problem), actions);
  const state = item.problem ? problem() : el("div.muted", "Sending…");
  const props = { "data-role": item.internal ? "note" : "agent", "aria-label": "Not sent yet" };
  const words = el("div.words", { dir: "auto" }, renderPlain(item.text));
  return el("article.log-row.message.unsent", props, el("div.bubble", words), state);
}

function drawText({ text, role }, isExpanded, expand) {
  const shown = isExpanded ? text : shortened(text);
  const isBot = role === "bot";
  const rendered = isBot ? renderMarkdown(shown) : renderPlain(shown);
  const words = el(isBot ? "div.words.markdown" : "div.words", { dir: "auto" }, rendered);
  if (shown.length === text.length) return words;
  return [words, button(`Show all ${text.length.toLocaleString()} characters`, expand, { class: "quiet" })];
}

/** The beginning of a long text; it never ends with half of a surrogate pair. */
function shortened(text) {
  let end = text.length > MAX_SHOWN_CHARACTERS * 1.2 ? MAX_SHOWN_CHARACTERS : text.length;
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1 && at < end; at = text.indexOf("\n", at + 1))
    if (++lines === MAX_SHOWN_LINES) end = at;
  return end === text.length ? text : text.slice(0, end).replace(/[\ud800-\udbff]$/, "") + "…";
}

/** Plain text with its URLs as links. */
function renderPlain(text) {
  const rendered = document.createDocumentFragment();
  let end = 0;
  for (const { 0: url, index } of text.matchAll(URLS)) {
    const link = el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, url);
    rendered.append(text.slice(end, index), link);
    end = index + url.length;
  }
  rendered.append(text.slice(end));
  return rendered;
}
