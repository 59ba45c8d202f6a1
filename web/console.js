/**
 * The agent console: who waits, who holds which line, and what is said.
 *
 * The address says what is looked at: `#queue` and the other sections, `#thr_…`, `#chatbots`, `#bot_…`.
 */

import { Chatbots, NEW } from "./console.chatbots.js";
import { Desk } from "./console.desk.js";
import { button, el } from "./console.element.js";
import { Inbox, SECTIONS, Sections } from "./console.inbox.js";
import { listen, showKeys } from "./console.keys.js";
import { Ring } from "./console.ring.js";
import { Session } from "./console.session.js";
import { ThreadView } from "./console.thread.js";
import { avatar, nameOf } from "./console.words.js";

/** A connection that is back so soon was hardly gone. */
const PATIENCE = 3000;

/** Room for the inbox and a conversation beside each other; `console.css` says the same. */
const WIDE = matchMedia("(min-width: 800px)");

class Console {
  #desk;
  #sections;
  #inbox;
  #chatbots;
  #section = "queue";
  #thread;
  #frame = 0;
  #address = "";
  /** The open thread, and in which state it was last seen. */
  #knownAs = "";
  #banner = el("div.banner", { role: "status", hidden: true });
  #worried;
  #detail = el("main.detail", { id: "detail" });
  #page = el("div.console");
  #chatbotsLink = el("a", { href: "#chatbots" }, el("span.lamp"), "Chatbots");

  constructor(desk) {
    this.#desk = desk;
    this.#sections = new Sections(desk.threads);
    this.#inbox = new Inbox(desk);
    this.#chatbots = new Chatbots(desk);
    this.#page.append(this.#banner, this.#side(), this.#inbox.node, this.#detail);
    document.body.append(this.#page);
    desk.threads.addEventListener("change", () => this.#later());
    desk.threads.addEventListener("connection", () => this.#worry());
    for (const event of ["online", "offline"]) addEventListener(event, () => this.#worry());
    addEventListener("hashchange", () => this.#follow());
    listen((key) => this.#actionOf(key));
    desk.readChatbots().then(
      () => this.#later(),
      () => {},
    );
    this.#follow();
  }

  #side() {
    const { me, session } = this.#desk;
    const name = nameOf({ id: me.sub, name: me.name });
    const who = el(
      "div.me",
      null,
      avatar(me.sub, name),
      el("div.grow", null, el("b.clip1", { dir: "auto" }, name), el("span.muted.clip1", null, `${me.role} · ${me.tenant}`)),
    );
    const tools = el(
      "div.row.tools",
      null,
      new Ring(this.#desk).toggle,
      button("Keyboard", showKeys, { icon: "help", only: true, class: "quiet", "aria-keyshortcuts": "?" }),
      button("Sign out", () => session.out(), { icon: "out", only: true, class: "quiet" }),
    );
    return el(
      "nav.side",
      { "aria-label": "Console" },
      el("div.brand", { "aria-hidden": "true" }, el("span.mark"), "Switchboard"),
      this.#sections.node,
      this.#chatbotsLink,
      el("span.grow"),
      who,
      tools,
    );
  }

  /** Shows what the address says. */
  async #follow() {
    const wanted = location.hash.slice(1) || this.#section;
    if (wanted.startsWith("token=")) return location.reload();
    if (wanted === this.#address) return;
    if (!(await this.#chatbots.mayLeave())) return history.replaceState(null, "", `#${this.#address}`);
    this.#address = wanted;
    if (wanted in SECTIONS) this.#section = wanted;
    const isChatbot = wanted === "chatbots" || wanted === NEW || wanted.startsWith("bot_");
    this.#page.dataset.view = wanted in SECTIONS || wanted === "chatbots" ? "list" : "detail";
    this.#page.dataset.area = isChatbot ? "chatbots" : "inbox";
    if (isChatbot) this.#showChatbots(wanted === "chatbots" ? "" : wanted);
    else if (wanted.startsWith("thr_")) this.#showThread(wanted);
    // On a wide screen one looks elsewhere and keeps the conversation before one.
    else if (!this.#thread || !WIDE.matches) this.#showThread("");
    this.#render();
  }

  #showChatbots(id) {
    this.#leaveThread();
    this.#inbox.node.replaceWith(this.#chatbots.list);
    this.#detail.replaceChildren(this.#chatbots.detail);
    this.#chatbots.show(id);
  }

  #showThread(id) {
    this.#chatbots.close();
    this.#chatbots.list.replaceWith(this.#inbox.node);
    if (id && id === this.#desk.openId) return;
    this.#leaveThread();
    this.#desk.openId = id;
    if (!id) {
      this.#detail.replaceChildren(
        el(
          "div.empty.quiet",
          null,
          el("h2", null, "No conversation is open"),
          el(
            "p",
            null,
            "Choose one from the list. ",
            el("kbd", null, "j"),
            " and ",
            el("kbd", null, "k"),
            " move through it, ",
            el("kbd", null, "?"),
            " shows all keys.",
          ),
        ),
      );
      return;
    }
    this.#thread = new ThreadView(this.#desk, id, `#${this.#section}`);
    this.#detail.replaceChildren(this.#thread.node);
  }

  #leaveThread() {
    this.#thread?.close();
    this.#thread = undefined;
    this.#desk.openId = "";
    this.#desk.tidy();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  #render() {
    const { threads, openId } = this.#desk;
    const isInbox = this.#page.dataset.area === "inbox";
    const open = threads.get(openId);
    // One's own thread is shown where it is now; so is one that was opened by its address.
    if (open && this.#knownAs !== `${openId} ${open.status}`) {
      const section = threads.sectionOf(open);
      if (section === "mine" || !this.#knownAs.startsWith(openId)) this.#section = section;
      this.#knownAs = `${openId} ${open.status}`;
    }
    this.#sections.show(isInbox ? this.#section : "");
    if (isInbox) this.#chatbotsLink.removeAttribute("aria-current");
    else this.#chatbotsLink.setAttribute("aria-current", "page");
    if (isInbox) this.#inbox.show(this.#section);
  }

  /** Says that the line to the server is poor, once it has been for a while. */
  #worry() {
    clearTimeout(this.#worried);
    const { connection } = this.#desk.threads;
    const text = !navigator.onLine
      ? "You are offline. What you send goes out when you are back."
      : { connecting: "Connecting again…", polling: "No live connection: what is new appears every few seconds." }[
          connection
        ];
    const show = () => {
      this.#banner.hidden = !text;
      this.#banner.textContent = text ?? "";
    };
    if (text && navigator.onLine) this.#worried = setTimeout(show, PATIENCE);
    else show();
  }

  #actionOf(key) {
    const { line, reply } = this.#thread ?? {};
    const isInbox = this.#page.dataset.area === "inbox";
    const section = Object.keys(SECTIONS)[Number(key) - 1];
    if (key === "?") return showKeys;
    if (section) return () => (location.hash = section);
    if (isInbox && ["j", "ArrowDown"].includes(key)) return () => this.#inbox.step(1);
    if (isInbox && ["k", "ArrowUp"].includes(key)) return () => this.#inbox.step(-1);
    if (!this.#thread?.isReady) return undefined;
    return {
      c: () => line.claim(),
      r: () => reply.write(false),
      n: () => reply.write(true),
      b: () => line.release("bot"),
      t: () => line.release("queue"),
      e: () => line.end(),
      Escape: () => (WIDE.matches ? this.#inbox.step(0) : (location.hash = this.#section)),
    }[key];
  }
}

async function start() {
  const session = new Session();
  await session.begin();
  try {
    const config = await (await fetch(new URL("config.json", import.meta.url))).json();
    new Console(new Desk(config, session));
  } catch (error) {
    const again = button("Try again", () => location.reload(), { class: "primary" });
    document.body.append(
      el(
        "main.door",
        null,
        el(
          "div.card",
          { role: "alert" },
          el("h1", null, "The console could not start"),
          el("p", null, error.message),
          again,
        ),
      ),
    );
  }
}

start();
