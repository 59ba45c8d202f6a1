/** An open thread: its header, who holds the line, its log, and the reply field. */

import { button, el } from "./console.element.js";
import { describeChange, LineBar } from "./console.line.js";
import { drawRow } from "./console.messages.js";
import { announce, emptyView, errorView, loadingView } from "./console.notice.js";
import { avatar, customerName, nameMark, nameOf, namesWithVerb } from "./console.people.js";
import { Reply } from "./console.reply.js";
import { logRows } from "./console.rows.js";
import { formatDateTime } from "./console.time.js";
import { VirtualList } from "./console.virtual-list.js";

/** Older messages are loaded once fewer screens than this are left above. */
const PREFETCH_SCREENS = 2;

export class ThreadView {
  node = el("section.thread", { "aria-label": "Conversation" });
  #workspace;
  #id;
  #log;
  #list;
  #backHref;
  /** The keys of messages that show their whole text. */
  #expanded = new Set();
  #closing = new AbortController();
  #header = el("header.view-header");
  #headerFingerprint = "";
  /** The owner's name over the log, while the row that names them is scrolled away. */
  #owner = el("div.current-owner", { "aria-hidden": "true" });
  #latest = button("Latest messages", () => this.#list.scrollToEnd(), { icon: "down", class: "latest", hidden: true });
  #typing = el("div.typing", { "aria-live": "polite" });
  #frame = 0;

  constructor(workspace, id, backHref) {
    this.#workspace = workspace;
    this.#id = id;
    this.#backHref = backHref;
    this.#log = workspace.log(id);
    this.line = new LineBar(workspace, () => this.reply.write(false));
    this.reply = new Reply(workspace, this.#log, () => this.#list.scrollToEnd());
    const context = { me: workspace.me.sub, outbox: workspace.outbox, expand: (key) => this.#expand(key) };
    this.#list = new VirtualList(
      { role: "log", "aria-live": "off", "aria-label": "Messages" },
      (row) => drawRow(row, context),
      (row) => this.#firstVisible(row),
    );
    const { signal } = this.#closing;
    this.#log.addEventListener("received", ({ detail }) => this.#received(detail), { signal });
    workspace.threads.addEventListener("change", () => this.#renderLater(), { signal });
    workspace.outbox.addEventListener("change", () => this.#renderLater(), { signal });
    document.addEventListener("visibilitychange", () => this.#renderLater(), { signal });
    this.#list.node.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    this.#open();
  }

  get isReady() {
    return this.#header.isConnected;
  }

  close() {
    this.#closing.abort();
    this.reply.close();
  }

  async #open() {
    const { node } = this;
    const { threads } = this.#workspace;
    node.replaceChildren(loadingView());
    try {
      await Promise.all([threads.get(this.#id) ?? this.#workspace.loadThread(this.#id), this.#log.open()]);
    } catch (error) {
      if (!this.#closing.signal.aborted) node.replaceChildren(this.#failedView(error));
      return;
    }
    if (this.#closing.signal.aborted) return;
    const log = el("div.log", this.#owner, this.#list.node, this.#latest);
    node.replaceChildren(this.#header, this.line.node, log, this.#typing, this.reply.node);
    this.#render();
    // The log has told the customer's name, which the inbox shows too.
    threads.dispatchEvent(new Event("change"));
    this.#header.querySelector("h2").focus({ preventScroll: true });
  }

  #failedView(error) {
    if (error.status !== 404) return errorView("The conversation could not be loaded", error, () => this.#open());
    return emptyView("Conversation not found", "It may have been deleted.", { role: "alert" }, this.#backLink());
  }

  #received({ type, message }) {
    const me = this.#workspace.me.sub;
    if (type === "message.created" && message.author.id !== me) {
      const text = `${nameOf(message.author)}: ${message.text}`;
      announce(message.role === "system" ? describeChange(message, me) : text);
      if (!this.#list.atEnd) this.#latest.hidden = false;
    }
    this.#renderLater();
  }

  #renderLater() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#header.isConnected) this.#render();
    });
  }

  #render() {
    const { threads, outbox, me } = this.#workspace;
    const thread = threads.get(this.#id);
    if (!thread) return;
    const unsent = outbox.of(this.#id);
    this.#list.show(logRows(this.#log, { thread, me: me.sub, unsent, expanded: this.#expanded }));
    this.#drawHeader(thread);
    this.line.show(thread);
    this.reply.show(thread);
    const typing = [...this.#log.typing.values()].map(({ who }) => nameOf(who));
    const text = typing.length ? `${namesWithVerb(typing)} typing…` : "";
    if (this.#typing.textContent !== text) this.#typing.textContent = text;
    this.#markRead();
  }

  #markRead() {
    if (document.hidden || !this.#list.atEnd || !this.#log.feed) return;
    this.#log.feed.read(this.#log.last);
    this.#workspace.threads.markRead(this.#id, this.#log.last);
    this.#latest.hidden = true;
  }

  #scrolled() {
    if (this.#list.atEnd) this.#renderLater();
    this.#prefetch();
  }

  #firstVisible(row) {
    // The row that begins an owner's span names them itself.
    this.#owner.hidden = ["span", "day"].includes(row.kind) || !row.owner.name;
    this.#owner.dataset.owner = row.owner.kind;
    this.#owner.textContent = row.owner.name;
    this.#prefetch();
  }

  #prefetch() {
    if (this.#log.hasOlder && this.#list.screensAbove < PREFETCH_SCREENS) this.#loadOlder();
  }

  #loadOlder() {
    const { first } = this.#log;
    this.#log.loadOlder().then(() => {
      this.#renderLater();
      if (this.#log.first < first) this.#scrolled();
    });
  }

  #expand(key) {
    this.#expanded.add(key);
    this.#render();
  }

  #drawHeader(thread) {
    const { me, chatbots } = this.#workspace;
    const { present } = this.#log;
    const isHere = present.some(({ id }) => id === thread.customer_id);
    const viewers = present.filter(({ id, role }) => role !== "customer" && id !== me.sub).map(nameOf);
    const [name, mark] = [customerName(thread), nameMark(thread)];
    const bot = chatbots.get(thread.chatbot_id)?.name;
    const fingerprint = JSON.stringify([isHere, viewers, name, mark, bot, thread.title, thread.metadata]);
    if (fingerprint === this.#headerFingerprint) return;
    this.#headerFingerprint = fingerprint;
    const hadFocus = this.#header.contains(document.activeElement);
    this.#header.replaceChildren(
      this.#backLink(),
      avatar(thread.customer_id, name),
      el(
        "div.grow",
        el("h2", { tabindex: "-1", dir: "auto" }, name),
        el(
          "p.muted",
          mark && `${mark} name · `,
          el("span.presence", { "data-here": String(isHere) }, isHere ? "is here" : "is away"),
          viewers.length > 0 && ` · ${namesWithVerb(viewers)} viewing it too`,
          thread.title && [" · ", el("bdi", thread.title)],
        ),
      ),
      ...this.#details(thread, bot),
    );
    if (hadFocus) this.#header.querySelector("h2").focus({ preventScroll: true });
  }

  #backLink() {
    return el("a.back", { href: this.#backHref }, "Back");
  }

  /** The button that shows a thread's details, and the popover with them. */
  #details(thread, bot) {
    const tokens = el("dd", tokensText(thread));
    // No event tells of tokens, so they are read when they are shown.
    const update = async ({ newState }) => {
      if (newState !== "open") return;
      await this.#workspace.loadThread(this.#id).catch(() => {});
      tokens.textContent = tokensText(this.#workspace.threads.get(this.#id));
    };
    const list = [...detailsOf(thread, bot), el("dt", "Tokens"), tokens];
    const show = button("Details", null, { class: "quiet", popovertarget: "thread-details" });
    return [show, el("dl.details", { id: "thread-details", popover: true, ontoggle: update }, list)];
  }
}

function detailsOf(thread, bot) {
  const pairs = [
    ["Title", thread.title],
    ["Customer", thread.customer_id],
    ["Chatbot", bot ?? thread.chatbot_id],
    ["Started", formatDateTime(thread.created_at)],
    ["Thread", thread.id],
    ...Object.entries(thread.metadata ?? {}),
  ];
  const known = pairs.filter(([, value]) => value);
  return known.flatMap(([key, value]) => [el("dt", { dir: "auto" }, key), el("dd", { dir: "auto" }, value)]);
}

function tokensText({ usage }) {
  if (!usage) return "none";
  const [input, cached, output, reasoning] = ["input", "cached", "output", "reasoning"].map((kind) =>
    usage[kind].toLocaleString(),
  );
  return `${input} in (${cached} cached), ${output} out (${reasoning} reasoning)`;
}
