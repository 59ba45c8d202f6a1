/**
 * The agent console: the inbox beside a conversation or the chatbot editor.
 * The address says which one: `#queue` or another section, `#thr_…`, `#chatbots`, `#bot_…`.
 */

import { Alerts } from "./console.alerts.js";
import { button, el } from "./console.element.js";
import { Inbox, SectionLinks, SECTIONS } from "./console.inbox.js";
import { emptyView, errorView, loadingView } from "./console.notice.js";
import { avatar, nameOf } from "./console.people.js";
import { Session } from "./console.session.js";
import { hasKeys, listenForShortcuts, showShortcuts } from "./console.shortcuts.js";
import { ThreadView } from "./console.thread.js";
import { Workspace } from "./console.workspace.js";

/** Time for which the connection must be lost before a banner says so. */
const BANNER_DELAY_MS = 3000;

/** Matches screens with room for the inbox beside a conversation; `console.css` has the same width. */
const WIDE = matchMedia("(min-width: 800px)");

const OFFLINE = "You are offline. Your messages go out when you are back online.";
const CONNECTION_TEXTS = {
  connecting: "Reconnecting…",
  polling: "No live connection. New messages appear every few seconds.",
};

class Console {
  #workspace;
  #sectionLinks;
  #inbox;
  /** The chatbot editor, once it is loaded. */
  #chatbots;
  #section = "queue";
  #thread;
  #frame = 0;
  #address = "";
  /** The open thread's id and status at the last render. */
  #rendered = "";
  #banner = el("div.banner", { role: "status", hidden: true });
  #bannerTimer;
  #detail = el("main.detail", { id: "detail" });
  #page = el("div.console");
  #chatbotsLink = el("a", { href: "#chatbots" }, el("span.lamp"), "Chatbots");

  constructor(workspace) {
    this.#workspace = workspace;
    this.#sectionLinks = new SectionLinks(workspace.threads);
    this.#inbox = new Inbox(workspace);
    this.#page.append(this.#banner, this.#sidebar(), this.#inbox.node, this.#detail);
    document.body.append(this.#page);
    workspace.threads.addEventListener("change", () => this.#renderLater());
    workspace.threads.addEventListener("connection", () => this.#updateBanner());
    for (const event of ["online", "offline"]) addEventListener(event, () => this.#updateBanner());
    addEventListener("hashchange", () => this.#navigate());
    listenForShortcuts((key) => this.#actionOf(key));
    workspace.loadChatbots().then(() => this.#renderLater(), () => {});
    this.#navigate();
  }

  #sidebar() {
    const { me, session } = this.#workspace;
    const name = nameOf({ id: me.sub, name: me.name });
    const account = el(
      "div.account",
      avatar(me.sub, name),
      el("div.grow", el("b.ellipsis", { dir: "auto" }, name), el("span.muted.ellipsis", `${me.role} · ${me.tenant}`)),
    );
    const iconOnly = { iconOnly: true, class: "quiet" };
    const tools = el(
      "div.row.tools",
      new Alerts(this.#workspace).bell,
      hasKeys() && button("Keyboard shortcuts", showShortcuts, { ...iconOnly, icon: "help", "aria-keyshortcuts": "?" }),
      button("Sign out", () => session.signOut(), { ...iconOnly, icon: "sign-out" }),
    );
    return el(
      "nav.side",
      { "aria-label": "Console" },
      el("div.brand", { "aria-hidden": "true" }, el("span.logo"), "Switchboard"),
      this.#sectionLinks.node,
      this.#chatbotsLink,
      el("span.grow"),
      account,
      tools,
    );
  }

  /** Shows what the address says. */
  async #navigate() {
    const address = location.hash.slice(1) || this.#section;
    if (address.startsWith("token=")) return location.reload();
    if (address === this.#address) return;
    const mayLeave = !this.#chatbots || (await this.#chatbots.mayLeave());
    if (!mayLeave) return history.replaceState(null, "", `#${this.#address}`);
    this.#address = address;
    const isSection = address in SECTIONS;
    const isChatbots = /^(chatbots|bot_)/.test(address);
    if (isSection) this.#section = address;
    this.#page.dataset.view = isSection || address === "chatbots" ? "list" : "detail";
    this.#page.dataset.area = isChatbots ? "chatbots" : "inbox";
    if (isChatbots) this.#showChatbots(address === "chatbots" ? "" : address);
    else if (address.startsWith("thr_")) this.#showThread(address);
    // On a wide screen the open conversation stays beside the other section.
    else if (!this.#thread || !WIDE.matches) this.#showThread("");
    this.#render();
  }

  /** Shows the chatbot editor, which is loaded when it is first opened: most agents never need it. */
  async #showChatbots(id) {
    this.#leaveThread();
    if (!this.#chatbots) {
      this.#detail.replaceChildren(loadingView());
      const isLoaded = await this.#loadEditor();
      if (this.#page.dataset.area !== "chatbots") return;
      if (!isLoaded) return this.#showEditorFailed();
    }
    this.#inbox.node.replaceWith(this.#chatbots.list);
    this.#detail.replaceChildren(this.#chatbots.detail);
    this.#chatbots.show(id);
  }

  async #loadEditor() {
    try {
      const { Chatbots } = await import("./console.chatbots.js");
      this.#chatbots ??= new Chatbots(this.#workspace);
      return true;
    } catch {
      return false;
    }
  }

  #showEditorFailed() {
    this.#page.dataset.view = "detail";
    const title = "The chatbot editor could not be loaded";
    this.#detail.replaceChildren(errorView(title, { code: "network" }, () => location.reload()));
  }

  #showThread(id) {
    this.#chatbots?.close();
    this.#chatbots?.list.replaceWith(this.#inbox.node);
    if (id && id === this.#workspace.openId) return;
    this.#leaveThread();
    this.#workspace.openId = id;
    this.#thread = id ? new ThreadView(this.#workspace, id, `#${this.#section}`) : undefined;
    this.#detail.replaceChildren(this.#thread ? this.#thread.node : noThreadView());
  }

  #leaveThread() {
    this.#thread?.close();
    this.#thread = undefined;
    this.#workspace.openId = "";
    this.#workspace.updateLogs();
  }

  #renderLater() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  #render() {
    const { threads, openId } = this.#workspace;
    const isInbox = this.#page.dataset.area === "inbox";
    const open = threads.get(openId);
    // The inbox follows a thread of the agent's own to its section, and a thread that was opened by its address.
    if (open && this.#rendered !== `${openId} ${open.status}`) {
      const section = threads.sectionOf(open);
      if (section === "mine" || !this.#rendered.startsWith(openId)) this.#section = section;
      this.#rendered = `${openId} ${open.status}`;
    }
    this.#sectionLinks.show(isInbox ? this.#section : "");
    this.#chatbotsLink.ariaCurrent = isInbox ? null : "page";
    if (isInbox) this.#inbox.show(this.#section);
  }

  #updateBanner() {
    clearTimeout(this.#bannerTimer);
    const text = navigator.onLine ? CONNECTION_TEXTS[this.#workspace.threads.connection] : OFFLINE;
    const show = () => {
      this.#banner.hidden = !text;
      this.#banner.textContent = text ?? "";
    };
    if (text && navigator.onLine) this.#bannerTimer = setTimeout(show, BANNER_DELAY_MS);
    else show();
  }

  /** The action of a shortcut's key, if it has one here. */
  #actionOf(key) {
    const isInbox = this.#page.dataset.area === "inbox";
    const section = Object.keys(SECTIONS)[Number(key) - 1];
    if (key === "?") return showShortcuts;
    if (section) return () => (location.hash = section);
    if (isInbox && ["j", "ArrowDown"].includes(key)) return () => this.#inbox.moveFocus(1);
    if (isInbox && ["k", "ArrowUp"].includes(key)) return () => this.#inbox.moveFocus(-1);
    if (!this.#thread?.isReady) return undefined;
    const { line, reply } = this.#thread;
    return {
      c: () => line.claim(),
      r: () => reply.write(false),
      n: () => reply.write(true),
      b: () => line.release("bot"),
      t: () => line.release("queue"),
      e: () => line.end(),
      Escape: () => (WIDE.matches ? this.#inbox.moveFocus(0) : (location.hash = this.#section)),
    }[key];
  }
}

function noThreadView() {
  const [j, k, help] = ["j", "k", "?"].map((key) => el("kbd", key));
  const keys = [j, " and ", k, " move through the list, ", help, " shows all shortcuts."];
  return emptyView("No conversation is open", ["Choose one from the list. ", hasKeys() && keys]);
}

async function start() {
  const config = fetch(new URL("config.json", import.meta.url)).then((response) => response.json());
  const session = new Session(config.then(peopleOf).catch(() => []));
  await session.begin();
  try {
    new Console(new Workspace(await config, session));
  } catch (error) {
    const view = errorView("The console could not start", error, () => location.reload());
    document.body.append(el("main.sign-in", view));
  }
}

async function peopleOf({ enter }) {
  return enter ? (await fetch(enter, { method: "POST" })).json() : [];
}

start();
