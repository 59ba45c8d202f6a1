/**
 * The agent console: who waits, who holds which line, and what is said.
 *
 * The address says what is looked at: `#queue` and the other sections, `#thr_…`, `#chatbots`, `#bot_…`.
 */

import { Desk } from "./console.desk.js";
import { announce, arrange, ask, avatar, button, customerOf, el, empty, failed, icon, kindly, nameOf, since, tell }
  from "./console.element.js";
import { reasonOf, ThreadView } from "./console.thread.js";

/** In milliseconds. */
const PATIENCE = 3000;

/** Room for the inbox and a conversation beside each other; `console.css` says the same. */
const WIDE = matchMedia("(min-width: 800px)");

const SOUND = "switchboard.sound";
const TITLE = document.title;

const SECTIONS = {
  queue: ["Queue", "Nobody is waiting", "Customers who ask for a person appear here, the longest wait first."],
  mine: ["Mine", "You hold no line", "Claim a conversation, and it is here until you give it back or end it."],
  others: ["Others’", "Nobody else holds a line", "What your colleagues are busy with appears here."],
  bot: ["Bot", "The bot talks to nobody", "Conversations that the bot answers appear here. You can claim any of them."],
  ended: ["Ended", "Nothing has ended yet", "What is over stays readable here."],
};

const KEYS_KEPT = "switchboard.keys";
const TOKEN_KEPT = "switchboard.token";

const KEYS = [
  ["j k ↓ ↑", "through the inbox"],
  ["Enter", "open"],
  ["1 … 5", "the sections"],
  ["c", "claim, or take over"],
  ["r", "reply"],
  ["n", "note for agents"],
  ["b", "give the line to the bot"],
  ["t", "transfer to another agent"],
  ["e", "end"],
  ["Esc", "leave the reply; back to the inbox"],
  ["?", "this list"],
];

class Console {
  #desk;
  #sections;
  #inbox;
  #chatbots;
  #section = "queue";
  #thread;
  #frame = 0;
  #address = "";
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
    this.#page.append(this.#banner, this.#side(), this.#inbox.node, this.#detail);
    document.body.append(this.#page);
    desk.threads.addEventListener("change", () => this.#later());
    desk.threads.addEventListener("connection", () => this.#worry());
    for (const event of ["online", "offline"]) addEventListener(event, () => this.#worry());
    addEventListener("hashchange", () => this.#follow());
    listen((key) => this.#actionOf(key));
    desk.readChatbots().then(() => this.#later(), () => {});
    this.#follow();
  }

  #side() {
    const { me, session } = this.#desk;
    const name = nameOf({ id: me.sub, name: me.name });
    const who = el(
      "div.me",
      avatar(me.sub, name),
      el("div.grow", el("b.clip1", { dir: "auto" }, name), el("span.muted.clip1", `${me.role} · ${me.tenant}`)),
    );
    const tools = el(
      "div.row.tools",
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

  async #follow() {
    const wanted = location.hash.slice(1) || this.#section;
    if (wanted.startsWith("token=")) return location.reload();
    if (wanted === this.#address) return;
    if (this.#chatbots && !(await this.#chatbots.mayLeave())) return history.replaceState(null, "", `#${this.#address}`);
    this.#address = wanted;
    if (wanted in SECTIONS) this.#section = wanted;
    const isChatbot = /^(chatbots|bot_)/.test(wanted);
    this.#page.dataset.view = wanted in SECTIONS || wanted === "chatbots" ? "list" : "detail";
    this.#page.dataset.area = isChatbot ? "chatbots" : "inbox";
    if (isChatbot) this.#showChatbots(wanted === "chatbots" ? "" : wanted);
    else if (wanted.startsWith("thr_")) this.#showThread(wanted);
    // On a wide screen one looks elsewhere and keeps the conversation before one.
    else if (!this.#thread || !WIDE.matches) this.#showThread("");
    this.#render();
  }

  /** Whoever answers customers needs no editor: it is loaded when it is opened. */
  async #showChatbots(id) {
    this.#leaveThread();
    if (!this.#chatbots) {
      this.#detail.replaceChildren(el("p.empty", { role: "status" }, "One moment…"));
      try {
        const { Chatbots } = await import("./console.chatbots.js");
        this.#chatbots ??= new Chatbots(this.#desk);
      } catch {
        if (this.#page.dataset.area !== "chatbots") return;
        this.#page.dataset.view = "detail";
        const network = { code: "network" };
        return this.#detail.replaceChildren(failed("The chatbots could not be loaded", network, () => location.reload()));
      }
      if (this.#page.dataset.area !== "chatbots") return;
    }
    this.#inbox.node.replaceWith(this.#chatbots.list);
    this.#detail.replaceChildren(this.#chatbots.detail);
    this.#chatbots.show(id);
  }

  #showThread(id) {
    this.#chatbots?.close();
    this.#chatbots?.list.replaceWith(this.#inbox.node);
    if (id && id === this.#desk.openId) return;
    this.#leaveThread();
    this.#desk.openId = id;
    this.#thread = id ? new ThreadView(this.#desk, id, `#${this.#section}`) : undefined;
    const [j, k, all] = ["j", "k", "?"].map((key) => el("kbd", key));
    const how = ["Choose one from the list. ", j, " and ", k, " move through it, ", all, " shows all keys."];
    this.#detail.replaceChildren(this.#thread ? this.#thread.node : empty("No conversation is open", how));
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
    this.#chatbotsLink.ariaCurrent = isInbox ? null : "page";
    if (isInbox) this.#inbox.show(this.#section);
  }

  #worry() {
    clearTimeout(this.#worried);
    const { connection } = this.#desk.threads;
    const text = !navigator.onLine
      ? "You are offline. What you send goes out when you are back."
      : { connecting: "Connecting again…", polling: "No live connection: what is new appears every few seconds." }[connection];
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

class Sections {
  node = el("ul.sections");
  #threads;
  #counts = {};
  #links = {};

  constructor(threads) {
    this.#threads = threads;
    Object.entries(SECTIONS).forEach(([section, [title]], place) => {
      this.#counts[section] = el("span.count");
      this.#links[section] = el(
        "a",
        { href: `#${section}`, "data-section": section, "aria-keyshortcuts": String(place + 1) },
        el("span.lamp"),
        el("span.grow", title),
        this.#counts[section],
      );
      this.node.append(el("li", this.#links[section]));
    });
  }

  show(current) {
    for (const [section, link] of Object.entries(this.#links)) {
      const threads = this.#threads.in(section);
      const unread = section === "mine" && threads.some((thread) => this.#threads.unreadOf(thread) > 0);
      const more = this.#threads.hasMore(section) ? "+" : "";
      this.#counts[section].textContent = threads.length || more ? `${threads.length}${more}` : "";
      link.toggleAttribute("data-calls", unread || (section === "queue" && threads.length > 0));
      link.ariaCurrent = section === current ? "page" : null;
    }
  }
}

class Inbox {
  node = el("section.list", { "aria-labelledby": "section" });
  #desk;
  #section = "queue";
  #title = el("h1", { id: "section" });
  #list = el("ul.rows");
  #foot = el("div.foot");
  #rows = new Map();

  constructor(desk) {
    this.#desk = desk;
    this.scroller = el("div.scroll", this.#list, this.#foot);
    this.node.append(el("header", this.#title), this.scroller);
  }

  show(section) {
    if (section !== this.#section) this.scroller.scrollTop = 0;
    this.#section = section;
    const { threads, openId } = this.#desk;
    const shown = threads.in(section);
    this.#title.textContent = SECTIONS[section][0];
    const rows = (this.#rows = new Map(shown.map((thread) => [thread.id, this.#row(thread)])));
    this.#stay(() => arrange(this.#list, [...rows.values()].map(({ node }) => node)));
    for (const [id, { link }] of rows) link.ariaCurrent = id === openId ? "true" : null;
    this.#drawFoot(shown);
  }

  step(by) {
    const links = [...this.#rows.values()].map(({ link }) => link);
    const at = links.findIndex((link) => link === document.activeElement);
    const open = links.findIndex((link) => link.hasAttribute("aria-current"));
    const from = at >= 0 ? at : open;
    links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + by))]?.focus();
  }

  /** Whatever comes and goes, what is open stays where it is on the screen. */
  #stay(change) {
    const fixed = this.#list.querySelector(":focus") ?? this.#list.querySelector("[aria-current]");
    const before = fixed?.getBoundingClientRect().top;
    change();
    if (fixed?.isConnected) this.scroller.scrollTop += fixed.getBoundingClientRect().top - before;
  }

  #row(thread) {
    const { threads, chatbots, me } = this.#desk;
    const unread = ["queue", "mine"].includes(this.#section) ? threads.unreadOf(thread) : 0;
    const name = customerOf(thread);
    const bot = chatbots.get(thread.chatbot_id)?.name;
    const { last, title, status, status_since } = thread;
    const isOthers = threads.sectionOf(thread) === "others";
    const why = { queued: reasonOf(thread), agent: isOthers && nameOf(thread.agent), ended: "ended" }[status];
    const speaker = last?.author.id === me.sub ? "You: " : last?.role === "customer" ? "" : last && `${nameOf(last.author)}: `;
    const words = last && speaker + last.text.slice(0, 200);
    const about = [why || bot || "bot", title].filter(Boolean).join(" · ");
    const look = JSON.stringify([name, unread, about, words, status, status_since]);
    const before = this.#rows.get(thread.id);
    if (before?.look === look) return before;
    const link = before?.link ?? el("a.row-link", { href: `#${thread.id}` });
    link.replaceChildren(
      avatar(thread.customer_id, name),
      el(
        "span.grow",
        el(
          "span.row",
          el("b.grow.clip1", { dir: "auto" }, name),
          since(status_since, status === "queued" ? "waited" : "ago"),
        ),
        words && el("span.about1.clip1", { dir: "auto" }, words),
        el(
          "span.row.muted",
          el("span.grow.clip1", { dir: "auto" }, about),
          unread > 0 && el("span.unread", String(Math.min(unread, 99)), el("span.unseen", " unread")),
        ),
      ),
    );
    const node = before?.node ?? el("li", link);
    node.dataset.status = status;
    return { node, link, look };
  }

  #drawFoot(shown) {
    const { threads } = this.#desk;
    const [, title, text] = SECTIONS[this.#section];
    const { isRead, problem } = threads;
    const hasMore = threads.hasMore(this.#section);
    const look = JSON.stringify([shown.length > 0, hasMore, isRead, title, problem?.detail]);
    if (this.#foot.dataset.look === look) return;
    this.#foot.dataset.look = look;
    const draw = () => {
      if (shown.length) return hasMore ? button("More", (event) => this.#more(event.currentTarget), { class: "quiet" }) : "";
      if (isRead) return empty(title, text);
      if (problem) return failed("The inbox could not be read", problem, () => threads.read());
      return el("p.empty", { role: "status" }, "One moment…");
    };
    this.#foot.replaceChildren(draw());
  }

  async #more(asked) {
    asked.disabled = true;
    const { size } = this.#rows;
    try {
      await this.#desk.threads.more(this.#section);
    } catch (error) {
      tell(kindly(error));
    }
    this.#foot.dataset.look = "";
    this.show(this.#section);
    [...this.#rows.values()][size]?.link.focus();
  }
}

/** Somebody waits. */
class Ring {
  toggle = button("Sound when a customer waits", () => this.#switch(), { only: true, class: "quiet" });
  #threads;
  #audio;

  constructor(desk) {
    this.#threads = desk.threads;
    this.#show();
    this.#threads.addEventListener("change", () => this.#count());
    this.#threads.addEventListener("waits", ({ detail }) => this.#call(`${customerOf(detail)} is waiting for a person.`));
    this.#threads.addEventListener("said", ({ detail }) => {
      const isSeen = desk.openId === detail.thread_id && !document.hidden;
      if (!isSeen) this.#call(`${nameOf(detail.author)} wrote to you.`);
    });
  }

  get isOn() {
    return localStorage.getItem(SOUND) === "on";
  }

  #count() {
    const waiting = this.#threads.in("queue").length;
    const title = waiting ? `(${waiting}) ${TITLE}` : TITLE;
    if (document.title !== title) document.title = title;
  }

  #call(text) {
    announce(text);
    if (this.isOn) this.#sound();
  }

  #switch() {
    localStorage.setItem(SOUND, this.isOn ? "off" : "on");
    this.#show();
    // By this click the browser lets the page make sounds.
    if (this.isOn) this.#sound();
  }

  #show() {
    this.toggle.ariaPressed = this.isOn;
    this.toggle.replaceChildren(icon(this.isOn ? "sound" : "mute"));
  }

  #sound() {
    this.#audio ??= new AudioContext();
    this.#audio.resume();
    const [tone, loudness] = [this.#audio.createOscillator(), this.#audio.createGain()];
    const at = this.#audio.currentTime;
    tone.frequency.setValueAtTime(660, at);
    tone.frequency.setValueAtTime(880, at + 0.2);
    loudness.gain.setValueAtTime(0.08, at);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.7);
    tone.connect(loudness).connect(this.#audio.destination);
    tone.start(at);
    tone.stop(at + 0.7);
  }
}

function listen(actionOf) {
  document.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey, target } = event;
    const isBusy = target.closest("input, textarea, select") || document.querySelector("dialog[open], :popover-open");
    if (event.defaultPrevented || ctrlKey || metaKey || altKey || isBusy) return;
    // Single keys get in the way of those who speak to their computer.
    if (key.length === 1 && key !== "?" && localStorage.getItem(KEYS_KEPT) === "off") return;
    // What scrolls goes on to.
    if (key.startsWith("Arrow") && target.closest(".roll, .chatbot, .tryit, details")) return;
    const action = actionOf(key);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

async function showKeys() {
  const rows = KEYS.map(([keys, what]) => [
    el("dt", keys.split(" ").map((key) => (key === "…" ? key : el("kbd", key)))),
    el("dd", what),
  ]);
  const single = el("input", { type: "checkbox", name: "single", checked: localStorage.getItem(KEYS_KEPT) !== "off" });
  const choice = el("label.check", single, "Single keys do something");
  const filled = await ask({ title: "Keyboard", fields: [el("dl.keys", rows), choice], yes: "Done", no: "" });
  if (filled) localStorage.setItem(KEYS_KEPT, filled.get("single") ? "on" : "off");
}

/** A token, kept as long as the tab is. */
class Session {
  /** For show: the server reads the token for itself. */
  me = null;
  #token = "";
  #asking;

  async begin() {
    const given = takeFromAddress();
    const kept = sessionStorage.getItem(TOKEN_KEPT);
    let why = "";
    if (given || kept) why = this.#accept(given || kept);
    if (!this.me) await this.#atTheDoor(why);
  }

  /** Once it is over, what is under way waits for a new one. */
  token() {
    return isOver(this.me) ? this.#renew() : this.#token;
  }

  /** So does what is refused. */
  fetch = async (url, how) => {
    const response = await fetch(url, how);
    if (response.status === 401 && how.headers.Authorization === `Bearer ${this.#token}`) await this.#renew();
    return response;
  };

  out() {
    sessionStorage.clear();
    location.assign(location.pathname);
  }

  /** Gives what is wrong with it. */
  #accept(token) {
    const me = claimsOf(token);
    if (!me) return "That is not a token: it should have three parts with dots between them.";
    if (!["agent", "admin"].includes(me.role)) return "This is a customer’s token. The console is for agents and admins.";
    if (isOver(me)) return "Your session has ended. A new token lets you go on.";
    sessionStorage.setItem(TOKEN_KEPT, token);
    // Another one’s inbox and drafts are not to mix with these.
    if (this.me && (this.me.sub !== me.sub || this.me.tenant !== me.tenant)) location.reload();
    this.me = me;
    this.#token = token;
    return "";
  }

  #atTheDoor(why) {
    return new Promise((signedIn) => {
      const title = el("h1", el("span.mark"), "Switchboard");
      const form = this.#form(why, () => {
        door.remove();
        signedIn();
      });
      const door = el(
        "main.door",
        el("div.card", title, el("p.muted", "The agent console. Sign in with the token that you were given."), form),
      );
      document.body.append(door);
      form.elements.token.focus();
    });
  }

  #renew() {
    this.#asking ??= new Promise((renewed) => {
      const text = "What you wrote is kept, and what was being sent goes out as soon as you are back.";
      const form = this.#form("", () => dialog.close());
      const title = el("h2", { id: "ended" }, "Your session has ended");
      const leave = button("Sign out", () => this.out(), { class: "quiet" });
      const dialog = el("dialog", { "aria-labelledby": "ended", oncancel: (event) => event.preventDefault() });
      dialog.append(title, el("p", text), form, leave);
      dialog.addEventListener("close", () => {
        dialog.remove();
        this.#asking = undefined;
        renewed(this.#token);
      });
      document.body.append(dialog);
      dialog.showModal();
    });
    return this.#asking;
  }

  #form(why, done) {
    const problem = el("p.problem", { role: "alert", id: "token-problem" }, why);
    const token = el("input", {
      id: "token",
      name: "token",
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
      "aria-describedby": "token-problem",
    });
    const submit = (event) => {
      event.preventDefault();
      problem.textContent = this.#accept(token.value.trim());
      if (problem.textContent) token.select();
      else done();
    };
    const label = el("label", { for: "token" }, "Your token");
    return el("form.stack", { onsubmit: submit }, label, token, problem, el("button.primary", "Sign in"));
  }
}

/** `#token=…`, gone from the address bar and the history before anything else is done. */
function takeFromAddress() {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token && decodeURIComponent(token);
}

function claimsOf(token) {
  try {
    const [, payload, signature] = token.split(".");
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
    return signature && claims.sub && claims.tenant ? claims : null;
  } catch {
    return null;
  }
}

const isOver = (claims) => claims.exp * 1000 <= Date.now();

async function start() {
  const session = new Session();
  await session.begin();
  try {
    const config = await (await fetch(new URL("config.json", import.meta.url))).json();
    new Console(new Desk(config, session));
  } catch (error) {
    document.body.append(el("main.door", failed("The console could not start", error, () => location.reload())));
  }
}

start();
