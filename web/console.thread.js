/** One thread: who it is with, who holds its line, its log, and where to reply. */

import { announce, button, el } from "./console.element.js";
import { Line } from "./console.line.js";
import { draw } from "./console.message.js";
import { Reply } from "./console.reply.js";
import { Roll } from "./console.roll.js";
import { rows, sentence } from "./console.rows.js";
import { avatar, customerOf, kindly, nameOf, whole } from "./console.words.js";

/** Before the reader gets to the beginning of what is there, what was before is on its way. */
const SCREENS_AHEAD = 2;

export class ThreadView {
  node = el("section.thread", { "aria-label": "Conversation" });
  #desk;
  #id;
  #log;
  #roll;
  #back;
  #unfolded = new Set();
  #listening = new AbortController();
  #head = el("header.who");
  #span = el("div.span", { "aria-hidden": "true" });
  #newest = button("Newest", () => this.#roll.toEnd(), { icon: "down", class: "newest", hidden: true });
  #doing = el("div.doing", { "aria-live": "polite" });
  #frame = 0;
  #headShown = "";

  /** `back` is where one came from, on a narrow screen. */
  constructor(desk, id, back) {
    this.#desk = desk;
    this.#id = id;
    this.#back = back;
    this.#log = desk.log(id);
    this.line = new Line(desk, () => this.reply.write(false));
    this.reply = new Reply(desk, this.#log);
    this.#roll = new Roll(
      { role: "log", "aria-live": "off", "aria-label": "Messages" },
      (row) => draw(row, { me: desk.me.sub, outbox: desk.outbox, unfold: (key) => this.#unfold(key) }),
      (row) => this.#passes(row),
    );
    const { signal } = this.#listening;
    this.#log.addEventListener("heard", ({ detail }) => this.#heard(detail), { signal });
    desk.threads.addEventListener("change", () => this.#later(), { signal });
    desk.outbox.addEventListener("change", () => this.#later(), { signal });
    document.addEventListener("visibilitychange", () => this.#later(), { signal });
    this.#roll.node.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    this.#open();
  }

  get isReady() {
    return this.#head.isConnected;
  }

  close() {
    this.#listening.abort();
    this.reply.close();
  }

  async #open() {
    const { node } = this;
    node.replaceChildren(el("p.empty", { role: "status" }, "Reading the conversation…"));
    try {
      await Promise.all([this.#desk.threads.get(this.#id) ? null : this.#fetch(), this.#log.open()]);
    } catch (error) {
      if (this.#listening.signal.aborted) return;
      const isGone = error.status === 404;
      node.replaceChildren(
        el(
          "div.empty",
          { role: "alert" },
          el("h2", null, isGone ? "There is no such conversation" : "This conversation could not be read"),
          el("p", null, isGone ? "It may have been deleted." : kindly(error)),
          isGone ? this.#backLink() : button("Try again", () => this.#open(), { class: "primary" }),
        ),
      );
      return;
    }
    if (this.#listening.signal.aborted) return;
    const logBox = el("div.log", null, this.#span, this.#roll.node, this.#newest);
    node.replaceChildren(this.#head, this.line.node, logBox, this.#doing, this.reply.node);
    this.#render();
    // By now their name is known.
    this.#desk.threads.dispatchEvent(new Event("change"));
    this.#head.querySelector("h2").focus({ preventScroll: true });
  }

  async #fetch() {
    this.#desk.threads.put(await this.#desk.board.request("GET", `/threads/${encodeURIComponent(this.#id)}`));
  }

  #heard(event) {
    const { type, message } = event;
    if (type === "message.created" && message.author.id !== this.#desk.me.sub) {
      const who = nameOf(message.author);
      announce(message.role === "system" ? sentence(message, this.#desk.me.sub) : `${who}: ${message.text}`);
      if (!this.#roll.atEnd) this.#newest.hidden = false;
    }
    this.#later();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#head.isConnected) this.#render();
    });
  }

  #render() {
    const thread = this.#desk.threads.get(this.#id);
    if (!thread) return;
    const unsent = this.#desk.outbox.of(this.#id);
    this.#roll.show(rows(this.#log, { thread, me: this.#desk.me.sub, unsent, open: this.#unfolded }));
    this.#drawHead(thread);
    this.line.show(thread);
    this.reply.show(thread);
    const typing = [...this.#log.typing.values()].map(({ who }) => nameOf(who));
    const doing = typing.length
      ? `${new Intl.ListFormat("en").format(typing)} ${typing.length > 1 ? "are" : "is"} typing…`
      : "";
    if (this.#doing.textContent !== doing) this.#doing.textContent = doing;
    this.#read();
  }

  /** What is looked at is read. */
  #read() {
    if (document.hidden || !this.#roll.atEnd || !this.#log.feed) return;
    this.#log.feed.read(this.#log.last);
    this.#desk.threads.readThrough(this.#id, this.#log.last);
    this.#newest.hidden = true;
  }

  #scrolled() {
    if (this.#roll.atEnd) this.#later();
    if (this.#log.hasOlder && this.#roll.screensAbove < SCREENS_AHEAD) this.#readOlder();
  }

  #readOlder() {
    const first = this.#log.first;
    this.#log.older().then(
      () => this.#log.first < first && (this.#later(), this.#scrolled()),
      () => this.#later(),
    );
  }

  #passes(row) {
    // Where a span begins it says so itself.
    this.#span.hidden = ["span", "day"].includes(row.kind) || !row.owner.name;
    this.#span.dataset.owner = row.owner.kind;
    this.#span.textContent = row.owner.name;
    if (this.#log.hasOlder && this.#roll.screensAbove < SCREENS_AHEAD) this.#readOlder();
  }

  #unfold(key) {
    this.#unfolded.add(key);
    this.#render();
  }

  #drawHead(thread) {
    const { present } = this.#log;
    const here = present.some(({ id }) => id === thread.customer_id);
    const others = present.filter(({ id, role }) => role !== "customer" && id !== this.#desk.me.sub).map(nameOf);
    const name = customerOf(thread);
    const bot = this.#desk.chatbots.get(thread.chatbot_id)?.name;
    const look = JSON.stringify([here, others, name, bot, thread.title, thread.metadata]);
    if (look === this.#headShown) return;
    this.#headShown = look;
    const focused = this.#head.contains(document.activeElement);
    this.#head.replaceChildren(
      this.#backLink(),
      avatar(thread.customer_id, name),
      el(
        "div.grow",
        null,
        el("h2", { tabindex: "-1", dir: "auto" }, name),
        el(
          "p.muted",
          null,
          el("span.presence", { "data-here": String(here) }, here ? "is here" : "is away"),
          others.length > 0 && el("span", null, ` · ${others.join(", ")} ${others.length > 1 ? "are" : "is"} looking too`),
          thread.title && [" · ", el("bdi", null, thread.title)],
        ),
      ),
      ...this.#details(thread, bot),
    );
    if (focused) this.#head.querySelector("h2").focus({ preventScroll: true });
  }

  #backLink() {
    return el("a.back", { href: this.#back }, "Back");
  }

  #details(thread, bot) {
    const pairs = [
      ["Title", thread.title],
      ["Customer", thread.customer_id],
      ["Chatbot", bot ?? thread.chatbot_id],
      ["Began", whole(thread.created_at)],
      ["Thread", thread.id],
      ...Object.entries(thread.metadata ?? {}),
    ];
    const list = pairs
      .filter(([, value]) => value)
      .map(([key, value]) => [el("dt", { dir: "auto" }, key), el("dd", { dir: "auto" }, value)]);
    return [
      button("Details", null, { class: "quiet", popovertarget: "about" }),
      el("dl.about", { id: "about", popover: true }, list),
    ];
  }
}
