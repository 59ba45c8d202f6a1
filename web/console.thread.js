/** One thread: who holds its line, its log, and where to reply. */

import { announce, ask, avatar, button, clock, customerOf, el, empty, failed, nameOf, since, whole } from "./console.element.js";
import { draw, holderOf, Roll, rows, sentence } from "./console.log.js";

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
    node.replaceChildren(el("p.empty", { role: "status" }, "One moment…"));
    try {
      await Promise.all([this.#desk.threads.get(this.#id) ?? this.#desk.read(this.#id), this.#log.open()]);
    } catch (error) {
      if (this.#listening.signal.aborted) return;
      const gone = () => empty("There is no such conversation", "It may have been deleted.", { role: "alert" }, this.#backLink());
      const unread = () => failed("This conversation could not be read", error, () => this.#open());
      return node.replaceChildren(error.status === 404 ? gone() : unread());
    }
    if (this.#listening.signal.aborted) return;
    const logBox = el("div.log", this.#span, this.#roll.node, this.#newest);
    node.replaceChildren(this.#head, this.line.node, logBox, this.#doing, this.reply.node);
    this.#render();
    // By now their name is known.
    this.#desk.threads.dispatchEvent(new Event("change"));
    this.#head.querySelector("h2").focus({ preventScroll: true });
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
    const doing = typing.length ? `${areThey(typing)} typing…` : "";
    if (this.#doing.textContent !== doing) this.#doing.textContent = doing;
    this.#read();
  }

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
    this.#log.older().then(() => {
      this.#later();
      if (this.#log.first < first) this.#scrolled();
    });
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
        el("h2", { tabindex: "-1", dir: "auto" }, name),
        el(
          "p.muted",
          el("span.presence", { "data-here": String(here) }, here ? "is here" : "is away"),
          others.length > 0 && ` · ${areThey(others)} looking too`,
          thread.title && [" · ", el("bdi", thread.title)],
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
    const known = pairs.filter(([, value]) => value);
    const list = known.map(([key, value]) => [el("dt", { dir: "auto" }, key), el("dd", { dir: "auto" }, value)]);
    const shows = button("Details", null, { class: "quiet", popovertarget: "about" });
    return [shows, el("dl.about", { id: "about", popover: true }, list)];
  }
}

const areThey = (names) => `${new Intl.ListFormat("en").format(names)} ${names.length > 1 ? "are" : "is"}`;

const REASONS = {
  asked: "asked for a person",
  bot: "the bot asked for a person",
  failure: "the bot could not answer",
  released: "given back by an agent",
  absent: "the agent was away",
};

export const reasonOf = ({ reason }) => REASONS[reason] ?? "";

export class Line {
  node = el("div.line");
  #desk;
  #thread;
  #shown = "";

  constructor(desk, claimed) {
    this.#desk = desk;
    this.claimed = claimed;
  }

  get can() {
    const { status, agent } = this.#thread;
    const { isAdmin, me } = this.#desk;
    const isMine = status === "agent" && agent.id === me.sub;
    return {
      claim: status === "bot" || status === "queued",
      takeOver: status === "agent" && !isMine && isAdmin,
      toBot: isMine || (isAdmin && (status === "agent" || status === "queued")),
      toQueue: isMine || (isAdmin && status === "agent"),
      end: status !== "ended",
    };
  }

  show(thread) {
    this.#thread = thread;
    const owner = holderOf(thread, this.#desk.me.sub);
    const look = JSON.stringify([thread.status, thread.status_since, owner]);
    if (look === this.#shown) return;
    this.#shown = look;
    this.node.dataset.owner = owner.kind;
    const { can } = this;
    const focused = this.node.contains(document.activeElement);
    const action = (key, words, act, more) => button(words, act, { "aria-keyshortcuts": key, ...more });
    const actions = el(
      "div.row.actions",
      can.claim && action("c", "Claim", () => this.claim(), { class: "primary" }),
      can.takeOver && action("c", "Take over", () => this.claim()),
      can.toBot && action("b", "To the bot", () => this.release("bot"), { icon: "bot" }),
      can.toQueue && action("t", "Transfer", () => this.release("queue")),
      can.end && action("e", "End", () => this.end(), { class: "quiet" }),
    );
    this.node.replaceChildren(el("div.holder", el("span.lamp"), el("div", this.#words(owner))), actions);
    // What had the focus is gone, and what took its place does something else.
    if (focused) this.node.closest(".thread").querySelector("h2").focus();
  }

  async claim() {
    const { id, agent } = this.#thread;
    const { can } = this;
    if (!can.claim && !can.takeOver) return;
    if (can.takeOver) {
      const name = nameOf(agent);
      const text = `${name} is in the middle of it, and will be told that you took the line.`;
      if (!(await ask({ title: `Take the line from ${name}?`, text, yes: "Take over" }))) return;
    }
    if (await this.#desk.act(id, "claim")) this.claimed();
  }

  async release(to) {
    if (!this.can[to === "bot" ? "toBot" : "toQueue"]) return;
    const label = el("label", { for: "leave" }, "A note for whoever comes next (optional)");
    const note = el("textarea", { id: "leave", name: "note", rows: "3", dir: "auto", maxlength: "32000" });
    const [title, text, yes] =
      to === "bot"
        ? ["Give the line to the bot?", "It answers from here on, and knows what was said.", "Give it to the bot"]
        : ["Transfer to another agent?", "The customer waits in the queue until somebody claims it.", "Put into the queue"];
    const filled = await ask({ title, text, fields: [label, note], yes });
    if (!filled) return;
    const left = filled.get("note").trim();
    await this.#desk.act(this.#thread.id, "release", left ? { to, note: left } : { to });
  }

  async end() {
    if (!this.can.end) return;
    const { status, agent } = this.#thread;
    const isOthers = status === "agent" && agent.id !== this.#desk.me.sub;
    const text = `${isOthers ? `${nameOf(agent)} holds the line. ` : ""}Nobody can write in it any more; it stays readable.`;
    const yes = await ask({ title: "End this conversation?", text, yes: "End it", danger: true });
    if (yes) await this.#desk.act(this.#thread.id, "end");
  }

  #words(owner) {
    const { status, status_since: at, ended_by: by } = this.#thread;
    const { me } = this.#desk;
    const ender = by?.id === me.sub ? "you" : by ? nameOf(by) : "somebody";
    const [holder, small] = {
      bot: ["The bot holds the line", `since ${clock(at)}`],
      queued: [["Waiting ", since(at, "waited")], reasonOf(this.#thread)],
      agent: [[el("bdi", owner.name), ` hold${owner.kind === "mine" ? "" : "s"} the line`], `since ${clock(at)}`],
      ended: ["Ended", `by ${ender}, ${whole(at)}`],
    }[status];
    return [el("strong", holder), el("small", small)];
  }
}

const LONGEST = 32_000;

export class Reply {
  #desk;
  #log;
  #id;
  #thread;
  #place;
  #internal = false;
  #problem = "";
  #offer = el("div.offer", { hidden: true });
  #text = el("textarea", { rows: "1", dir: "auto", name: "text", "aria-describedby": "reply-hint" });
  #hint = el("p.hint", { id: "reply-hint" });
  #send = el("button.primary");
  #kinds = {
    reply: button("Reply", () => this.write(false)),
    note: button("Note", () => this.write(true), { icon: "note" }),
  };

  constructor(desk, log) {
    this.#desk = desk;
    this.#log = log;
    this.#id = log.id;
    this.#place = `switchboard.draft.${desk.me.tenant}.${desk.me.sub}.${log.id}`;
    const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? "{}");
    this.#text.value = kept.text ?? "";
    this.#internal = Boolean(kept.internal);
    this.canned = new Canned(this.#text, () => customerOf(this.#thread));
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    const submit = (event) => (event.preventDefault(), this.#say());
    this.node = el(
      "form.reply",
      { onsubmit: submit, "aria-label": "Your reply" },
      this.#offer,
      el(
        "div.row",
        el("div.kinds", { role: "group", "aria-label": "Who it is for" }, Object.values(this.#kinds)),
        button("Canned replies", editCanned, { class: "quiet" }),
      ),
      el("div.field", this.canned.node, this.#text),
      el("div.row", this.#hint, this.#send),
    );
    this.outboxBack = ({ detail }) => detail.thread === this.#id && this.#put(detail.text, detail.internal);
    desk.outbox.addEventListener("back", this.outboxBack);
  }

  show(thread) {
    this.#thread = thread;
    this.node.hidden = thread.status === "ended";
    const { me } = this.#desk;
    const isOthers = thread.status === "agent" && thread.agent.id !== me.sub;
    const isMine = thread.status === "agent" && !isOthers;
    // And so it stays: no note is to go to the customer because a colleague left.
    if (isOthers) this.#internal = true;
    this.#kinds.reply.disabled = isOthers;
    this.#kinds.reply.ariaPressed = !this.#internal;
    this.#kinds.note.ariaPressed = this.#internal;
    this.node.dataset.kind = this.#internal ? "note" : "reply";
    const customer = customerOf(thread);
    this.#text.ariaLabel = this.#internal ? "A note for agents" : `Reply to ${customer}`;
    this.#text.placeholder = this.#internal ? "Only agents see this…" : `Write to ${customer}…  ( / for canned replies )`;
    const claims = !isMine && !this.#internal;
    this.#send.textContent = this.#internal ? "Add note" : claims ? "Claim and send" : "Send";
    this.#hint.textContent = this.#problem || this.#hintFor(thread, isOthers, claims);
    this.#offerDraft(isMine);
  }

  #hintFor(thread, isOthers, claims) {
    if (isOthers) return `${nameOf(thread.agent)} holds the line; you can leave a note.`;
    if (claims && thread.status === "bot") return "The bot holds the line: sending takes it over.";
    if (claims) return "Sending claims this from the queue.";
    return "Enter sends, Shift+Enter breaks the line.";
  }

  write(internal) {
    if (!this.#thread || this.node.hidden) return;
    this.#internal = internal;
    this.show(this.#thread);
    this.#save();
    this.#text.focus();
  }

  close() {
    this.#desk.outbox.removeEventListener("back", this.outboxBack);
    this.#log.feed?.typing(false);
  }

  #key(event) {
    if (event.isComposing) return;
    const isSending = event.key === "Enter" && !event.shiftKey && !matchMedia("(pointer: coarse)").matches;
    if (this.canned.takes(event)) event.preventDefault();
    else if (isSending) {
      event.preventDefault();
      this.#say();
    } else if (event.key === "Escape") this.#text.blur();
  }

  #changed() {
    this.canned.offer();
    this.#save();
    this.#problem = "";
    const { status, agent } = this.#thread;
    const isHeard = status === "agent" && agent.id === this.#desk.me.sub && !this.#internal;
    if (isHeard) this.#log.feed?.typing(this.#text.value !== "");
  }

  #save() {
    const text = this.#text.value;
    if (text) sessionStorage.setItem(this.#place, JSON.stringify({ text, internal: this.#internal }));
    else sessionStorage.removeItem(this.#place);
  }

  #say() {
    const text = this.#text.value.trim();
    if (!text) return;
    const length = text.length > LONGEST ? [...text].length : 0;
    if (length > LONGEST) {
      this.#problem = `That is ${(length - LONGEST).toLocaleString()} characters too long.`;
      this.show(this.#thread);
      return;
    }
    this.#text.value = "";
    this.#save();
    if (!this.#internal) this.#log.draft = "";
    this.#desk.outbox.send(this.#id, text, this.#internal);
  }

  #put(text, internal = this.#internal) {
    this.#text.value = [this.#text.value, text].filter(Boolean).join("\n\n");
    this.#internal = internal;
    if (this.#thread) this.show(this.#thread);
    this.#save();
    this.#text.focus();
  }

  #offerDraft(isMine) {
    const { draft } = this.#log;
    this.#offer.hidden = !isMine || !draft;
    if (this.#offer.hidden || this.#offer.dataset.draft === draft) return;
    this.#offer.dataset.draft = draft;
    const done = () => {
      this.#log.draft = "";
      this.#offer.hidden = true;
      this.#text.focus();
    };
    const take = () => (this.#put(draft, false), done());
    const takes = button("Take over what the bot was saying", take, { class: "primary" });
    this.#offer.replaceChildren(
      el("div", el("b", "The bot was saying: "), el("q.clip", { dir: "auto" }, draft)),
      el("div.row", takes, button("Never mind", done, { class: "quiet" })),
    );
  }
}

const CANNED = "switchboard.canned";

const FIRST = [
  { name: "hello", text: "Hello {name}, a person here now. I am reading what was said so far." },
  { name: "moment", text: "One moment please, {name}, I am looking into it." },
  { name: "anything else", text: "Is there anything else that I can do for you?" },
];

function readCanned() {
  try {
    return JSON.parse(localStorage.getItem(CANNED)) ?? FIRST;
  } catch {
    return FIRST;
  }
}

class Canned {
  #field;
  #customer;
  #at = 0;
  #shown = [];

  constructor(field, customer) {
    this.#field = field;
    this.#customer = customer;
    this.node = el("ul.canned", { id: "canned", role: "listbox", "aria-label": "Canned replies", hidden: true });
    field.setAttribute("aria-controls", "canned");
    field.ariaHasPopup = "listbox";
    field.addEventListener("blur", () => this.#hide());
  }

  get isOpen() {
    return !this.node.hidden;
  }

  offer() {
    const sought = /^\/([^\n]*)$/.exec(this.#field.value)?.[1].toLowerCase();
    const fits = ({ name, text }) => `${name} ${text}`.toLowerCase().includes(sought);
    this.#shown = sought === undefined ? [] : readCanned().filter(fits);
    this.#at = 0;
    this.#draw();
  }

  takes(event) {
    if (!this.isOpen) return false;
    const { length } = this.#shown;
    if (event.key === "ArrowDown") this.#at = (this.#at + 1) % length;
    else if (event.key === "ArrowUp") this.#at = (this.#at + length - 1) % length;
    else if (event.key === "Enter" || event.key === "Tab") return this.#choose(this.#shown[this.#at]);
    else if (event.key === "Escape") this.#shown = [];
    else return false;
    this.#draw();
    return true;
  }

  #choose({ text }) {
    this.#hide();
    this.#field.value = text.replaceAll("{name}", this.#customer());
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  #hide() {
    this.#shown = [];
    this.#draw();
  }

  #draw() {
    this.node.hidden = this.#shown.length === 0;
    // Before the field loses its focus to the click.
    const choose = (it) => (event) => (event.preventDefault(), this.#choose(it));
    const option = (it, place) =>
      el(
        "li",
        { role: "option", id: `canned-${place}`, "aria-selected": String(place === this.#at), onmousedown: choose(it) },
        el("b", `/${it.name}`),
        " ",
        el("span.muted", { dir: "auto" }, it.text),
      );
    this.node.replaceChildren(...this.#shown.map(option));
    if (this.isOpen) this.#field.setAttribute("aria-activedescendant", `canned-${this.#at}`);
    else this.#field.removeAttribute("aria-activedescendant");
    this.node.children[this.#at]?.scrollIntoView({ block: "nearest" });
  }
}

async function editCanned() {
  const list = el("div.stack.scroll");
  const row = ({ name, text }) => {
    const named = el("input", { name: "name", value: name, "aria-label": "Name", placeholder: "name", maxlength: "40" });
    const said = el("textarea", { name: "text", rows: "2", "aria-label": "Text", dir: "auto" }, text);
    return el("div.canned-row", named, said, button("Remove", () => named.parentNode.remove(), { icon: "close", only: true }));
  };
  list.append(...readCanned().map(row));
  const add = button(
    "Add one",
    () => {
      list.append(row({ name: "", text: "" }));
      list.lastChild.querySelector("input").focus();
    },
    { icon: "plus", class: "quiet" },
  );
  const filled = await ask({
    title: "Canned replies",
    text: "They are kept in this browser. {name} becomes the customer’s name.",
    fields: [list, add],
    yes: "Save",
  });
  if (!filled) return;
  const texts = filled.getAll("text");
  const written = filled.getAll("name").map((name, place) => ({ name: name.trim() || "reply", text: texts[place].trim() }));
  localStorage.setItem(CANNED, JSON.stringify(written.filter(({ text }) => text)));
}
