import { create, fill, styleSheet } from "./widget.look.js";

/** Maybe markdown. */
const MARKED = /[*_`~#>|[\\]|^ *([-+]|\d+[.)]) |https?:/m;

/** The log in the panel: messages as elements, and the names in them. */
export class Log {
  #panel;
  #drawnCount = 0;
  /** The renderer; `String` if it could not be loaded. */
  #markdown;
  #loading;

  constructor(panel) {
    this.#panel = panel;
  }

  clear() {
    const { parts } = this.#panel;
    this.#drawnCount = 0;
    parts?.past.replaceChildren();
    parts?.fresh.replaceChildren();
  }

  /** Draws new messages; returns false while one waits for markdown. */
  draw() {
    const { parts, conversation } = this.#panel;
    const { log, past } = conversation;
    for (let message; (message = log[this.#drawnCount]); this.#drawnCount++) {
      if (this.#lacksMarkdown(message)) return false;
      // Screen readers announce what is added to `fresh`.
      parts[message.seq <= past ? "past" : "fresh"].append(this.#entry(message, log[this.#drawnCount - 1]));
    }
    return true;
  }

  async earlier() {
    const { parts, conversation } = this.#panel;
    const { log, first } = conversation;
    const page = await conversation.read(first);
    if (page.some((message) => this.#lacksMarkdown(message))) await this.#loading;
    if (log !== conversation.log || !conversation.prepend(page)) return;
    this.#drawnCount += page.length;
    parts.past.prepend(...page.map((message, index) => this.#entry(message, page[index - 1])));
  }

  /** The name is not repeated after a message `before` from the same author. */
  row(message, before) {
    const { texts, language } = this.#panel;
    const { role, author, text, at } = message;
    const who = create("p", { className: "who" }, create("bdi", {}, this.nameOf(author, role)));
    if (role === "bot") who.append(create("span", {}, texts.ai));
    const time = new Date(at).toLocaleTimeString(language, { timeStyle: "short" });
    if (at) who.append(create("time", { dateTime: at }, time));
    const body = create("div", { dir: "auto" }, text);
    if (role !== "customer" && !this.#lacksMarkdown(message) && this.#markdown !== String && MARKED.test(text)) {
      body.className = "markdown";
      body.replaceChildren(this.#markdown(text));
    }
    const again = before?.role === role && before.author.id === author.id;
    const row = create("div", { className: `message ${role} ${again && "again"}` }, who, body);
    if (message.cut || message.sources) {
      import("./footnotes.js").then(({ footnotes }) => row.append(...footnotes(message, texts)), () => {});
    }
    return row;
  }

  nameOf({ id, name }, role) {
    return role === "customer" ? this.#panel.texts.you : (name ?? (role === "bot" ? this.botName() : id));
  }

  botName() {
    const { conversation, session, texts } = this.#panel;
    const last = conversation.log.findLast(({ role }) => role === "bot");
    return last?.author.name ?? session.stored.chatbot?.name ?? texts.chat;
  }

  #entry(message, before) {
    const { event } = message;
    return event ? create("p", { className: "event" }, this.textOf(event)) : this.row(message, before);
  }

  textOf({ type, to, agent, reason }) {
    const key = { bot: "released", queue: "escalated" }[to] ?? (/failure|budget/.test(reason) ? "failure" : type);
    return fill(this.#panel.texts[key], agent && this.nameOf(agent));
  }

  #lacksMarkdown({ role, text }) {
    if (this.#markdown || role === "customer" || !MARKED.test(text)) return false;
    this.#loading ??= this.#loadMarkdown();
    return true;
  }

  async #loadMarkdown() {
    try {
      const { markdown, style } = await import("./markdown.js");
      this.#panel.root.adoptedStyleSheets.push(styleSheet(style));
      this.#markdown = markdown;
    } catch {
      this.#markdown = String;
    }
    this.#panel.paint();
  }
}
