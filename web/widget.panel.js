import { Log } from "./widget.log.js";
import { create, fill, SHELL, STYLE, styleSheet, TEXTS } from "./widget.look.js";

/** Texts by language, at paths that bundlers find. */
const LANGUAGES = { en: undefined, es: () => import("./texts.es.js"), ar: () => import("./texts.ar.js") };

/** The launcher and the panel: elements, texts, keys and focus. */
export class Panel {
  language;
  texts;
  /** By id, after `build()`. */
  parts;
  #log = new Log(this);
  #frame;
  #narrow = matchMedia("(max-width: 480px)");
  /** By button name. */
  #actions = {
    open: () => (this.host.open = !this.host.open),
    close: () => (this.host.open = false),
    send: () => this.#send(),
    ask: () => this.conversation.change("escalate", "queued"),
    end: () => this.conversation.change("end", "ended"),
    anew: () => this.conversation.anew(),
    earlier: () => this.#log.earlier(),
    download: async () => (await import("./transcript.js")).download(this, this.#log),
  };

  constructor(session, conversation) {
    const { host } = session;
    const root = host.shadowRoot;
    Object.assign(this, { host, root, session, conversation });
    root.adoptedStyleSheets = [styleSheet(STYLE)];
    const paint = (session.onchange = () => this.paint());
    conversation.addEventListener("change", paint);
    conversation.addEventListener("clear", () => this.#clear());
    conversation.addEventListener("unsent", () => this.#drawUnsent());
    this.#narrow.addEventListener("change", () => this.arrange(), session.closing);
  }

  /** Builds the elements, in the first known language. */
  async build() {
    const { root } = this;
    const tags = [this.host.lang, document.documentElement.lang, ...navigator.languages, "en"];
    const language = tags.map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES);
    const load = LANGUAGES[language];
    const { texts } = (load && (await load().catch(() => {}))) ?? {};
    this.language = language;
    this.texts = { ...TEXTS, ...texts, ...this.host.texts };
    root.innerHTML = SHELL;
    this.parts = Object.fromEntries([...root.querySelectorAll("[id]")].map((part) => [part.id, part]));
    this.#label();
    this.#listen();
    this.#clear();
    this.#drawUnsent();
    this.arrange();
  }

  #label() {
    const { texts } = this;
    const { section, fresh, field } = this.parts;
    for (const part of this.root.querySelectorAll("[name]")) {
      const text = texts[part.getAttribute("name")];
      if (part.firstChild) part.ariaLabel = part.title = text;
      else part.textContent = text;
    }
    section.dir = texts.dir ?? "ltr";
    section.lang = this.language;
    section.ariaLabel = fresh.ariaLabel = texts.chat;
    field.ariaLabel = field.placeholder = texts.write;
  }

  #listen() {
    const { conversation, session } = this;
    const { section, panel, menu, field } = this.parts;
    field.value = session.tab.draft ?? "";
    field.oninput = () => {
      session.tab.draft = field.value;
      conversation.thread?.typing(field.value !== "");
    };
    section.onclick = ({ target }) => {
      const { name } = target.closest("button") ?? {};
      menu.hidden = name !== "more" || !menu.hidden;
      Promise.resolve(this.#actions[name]?.()).catch((error) => conversation.report(error));
      this.paint();
    };
    section.onkeydown = (event) => this.#press(event);
    panel.onclose = () => (this.host.open = panel.open);
  }

  #press(event) {
    const { key, target, isComposing, shiftKey } = event;
    const { panel, menu, field } = this.parts;
    // The page may have shortcuts of its own.
    event.stopPropagation();
    const sends = key === "Enter" && target === field && !shiftKey;
    const inside = panel.contains(target);
    const closes = key === "Escape" && inside;
    if (event.code === "Tab" && inside) this.#cycle(event);
    if (isComposing || !(sends || closes)) return;
    event.preventDefault();
    if (sends) this.#send();
    else if (menu.hidden) this.host.open = false;
    menu.hidden = true;
    this.paint();
  }

  /** Keeps Tab inside the panel. Escape leads out. */
  #cycle(event) {
    const { panel } = this.parts;
    const all = [...panel.querySelectorAll("a, button, textarea, #scroll")].filter((part) => part.checkVisibility());
    const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
    if (event.target !== from && event.target !== panel) return;
    event.preventDefault();
    to.focus();
  }

  #send() {
    const { field, scroll } = this.parts;
    const text = field.value.trim();
    this.session.tab.draft = field.value = "";
    scroll.scrollTop = 0;
    this.conversation.send(text);
  }

  /** Opens or closes the panel. The focus stays inside, or `enters`. */
  arrange(enters) {
    if (!this.parts) return;
    const { panel, launcher } = this.parts;
    const { open } = this.host;
    const inside = panel.contains(this.root.activeElement);
    panel.close();
    if (open && this.#narrow.matches) panel.showModal();
    // `show()` would take the focus in any case.
    else panel.open = open;
    this.#draw();
    if (open && (inside || enters)) this.#focus();
    else if (inside) launcher.focus();
  }

  #focus() {
    const { panel, field } = this.parts;
    // A phone's keyboard would hide the messages.
    (this.#narrow.matches || this.conversation.status === "ended" ? panel : field).focus();
  }

  paint() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (this.parts) this.#draw();
    });
  }

  #clear() {
    this.#log.clear();
    this.paint();
  }

  #draw() {
    const { conversation, parts, texts } = this;
    const { agent, status, connection, problem } = conversation;
    const { panel, more } = parts;
    parts.earlier.hidden = !(conversation.first > 1);
    const name = agent ? this.#log.nameOf(agent) : this.#log.botName();
    this.#write("title", name);
    this.#write("face", [...name][0]);
    this.#write("line", texts[status]);
    this.#write("notice", navigator.onLine ? connection !== "open" && texts[connection] : texts.offline);
    this.#write("problem", problem && (texts[problem] ?? texts.problem));
    panel.className = status;
    more.hidden = !conversation.thread;
    more.ariaExpanded = !parts.menu.hidden;
    if (this.#log.draw() && this.host.open && !document.hidden) conversation.markRead();
    this.#drawNow();
    this.#drawLauncher();
    // The element with the focus may be hidden now.
    if (this.root.activeElement?.checkVisibility() === false) this.#focus();
  }

  #drawNow() {
    const { conversation, parts, texts } = this;
    const { log, streams, unsent, status, connection, typist, progress } = conversation;
    const { thread, chatbot } = this.session.stored;
    const now = [...streams.values()];
    if (!log.length && (!thread || unsent.size)) now.unshift(chatbot?.greeting);
    const rows = now.filter(Boolean).map((text) => this.#log.row({ role: "bot", author: {}, text }));
    parts.now.replaceChildren(...rows);
    const answers = status === "bot" && conversation.isUnanswered() && !rows.length && connection !== "connecting";
    const types = typist ? this.#log.nameOf(typist) : answers && !progress && this.#log.botName();
    this.#write("progress", answers && progress);
    this.#write("typing", types && fill(texts.typing, types));
  }

  #drawLauncher() {
    const { conversation, session, texts } = this;
    const { launcher } = this.parts;
    const { open } = this.host;
    const seen = session.stored.read;
    const unread = open ? 0 : conversation.log.filter(({ seq, role }) => seq > seen && /bot|agent/.test(role)).length;
    this.#write("badge", unread);
    launcher.ariaLabel = open ? texts.close : texts.open + (unread ? `, ${fill(texts.unread, unread)}` : "");
    launcher.ariaExpanded = open;
  }

  #drawUnsent() {
    if (!this.parts) return;
    const { conversation, texts } = this;
    const { unsent } = this.parts;
    const button = (text, onclick) => create("button", { onclick }, text);
    const rows = [...conversation.unsent.values()].map((message) => {
      const { client_id, text, failed } = message;
      const retry = button(texts.retry, () => conversation.post(message));
      const discard = button(texts.discard, () => conversation.discard(client_id));
      const state = failed ? [texts.unsent, retry, discard] : [texts.sending];
      const row = this.#log.row({ role: "customer", author: {}, text });
      return create("div", {}, row, create("p", { className: failed ? "state failed" : "state" }, ...state));
    });
    const inside = unsent.contains(this.root.activeElement);
    unsent.replaceChildren(...rows);
    if (inside) this.#focus();
    this.paint();
  }

  /** The same text, set again, would be announced again. */
  #write(id, text) {
    const part = this.parts[id];
    if (part.textContent !== `${text || ""}`) part.textContent = text || "";
  }
}
