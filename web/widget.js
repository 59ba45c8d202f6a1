/**
 * The chat in a page's corner: `<script type="module" src="…/widget.js" data-tenant="acme" data-chatbot="bot_…">` or
 * `<switchboard-chat tenant="acme" chatbot="bot_…">`, with `lang`, `theme`, `accent`, `open` and `token` if need be.
 */
import { Switchboard, SwitchboardError } from "./switchboard.js";

const LANGUAGES = ["en", "es", "ar"];
const TEXTS = {
  chat: "Chat",
  open: "Open the chat",
  close: "Close the chat",
  unread: "{n} unread",
  more: "More",
  write: "Write a message…",
  send: "Send",
  ask: "Talk to a person",
  end: "End conversation",
  anew: "New conversation",
  download: "Download transcript",
  you: "You",
  ai: "AI",
  typing: "{name} is typing…",
  waiting: "Keep writing, it will all be read.",
  bot: "AI assistant",
  queued: "Waiting for a person",
  agent: "Here in person",
  ended: "The conversation has ended",
  escalated: "A person was asked to take over",
  claimed: "{name} took over",
  released: "The assistant answers again",
  withdrawn: "An unfinished answer was withdrawn",
  connecting: "Connecting…",
  offline: "You are offline, the chat will go on by itself",
  polling: "The connection is slow",
  sending: "Sending…",
  unsent: "Not sent",
  retry: "Try again",
  discard: "Discard",
  forbidden: "This chat is not available here.",
  not_found: "This chat is gone.",
  over_budget: "That was a lot at once. Try again later.",
  problem: "That did not work. Try again.",
};

const HOUR = 3_600_000;
const NARROW = matchMedia("(max-width: 480px)");
/** It may be markdown. */
const MARKED = /[*_`~#>|[\\]|^ *([-+]|\d+[.)]) |https?:/m;
/** Who holds the line after a change. */
const HOLDER = { bot: "bot", queue: "queued", escalated: "queued", claimed: "agent", ended: "ended" };

export class SwitchboardChat extends HTMLElement {
  static observedAttributes = ["open", "lang", "accent"];
  #chat;
  #texts;

  connectedCallback() {
    this.#chat = converse(this);
  }

  disconnectedCallback() {
    this.#chat.end();
  }

  attributeChangedCallback(name, _, value) {
    if (name === "accent") this.style.setProperty("--switchboard-accent", value);
    else this.#chat?.changed(name);
  }

  get open() {
    return this.hasAttribute("open");
  }

  set open(open) {
    this.toggleAttribute("open", open);
  }

  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    this.#texts = texts;
    this.#chat?.changed("texts");
  }
}

function converse(host) {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const tenant = host.getAttribute("tenant");
  const chatbot_id = host.getAttribute("chatbot");
  const kept = storage(`switchboard ${tenant} ${chatbot_id} `);
  const streams = new Map();
  const waiting = new Map();
  let texts, language, parts, config, board, refused, thread, connection, problem, status, agent, typist, forgets, frame;
  let log, drawn, markdown, learning;
  let turn = Promise.resolve();

  async function connect() {
    config ??= await (await fetch(new URL("config.json", import.meta.url))).json();
    return (board ??= new Switchboard({
      ...config,
      token: bearer,
      fetch: async (url, how) => {
        if (url.endsWith("/threads")) how.headers["Idempotency-Key"] = kept.next;
        const answer = await fetch(url, how);
        if (answer.status === 401) refused = how.headers.Authorization;
        return answer;
      },
    }));
  }

  /** The page's own, or a visitor's. */
  function bearer() {
    const given = host.token ?? host.getAttribute("token");
    if (given) return given.call ? given() : given;
    const renew = async () => {
      const { token, expires_at } = kept;
      const old = token && `Bearer ${token}`;
      if (old && old !== refused && Date.parse(expires_at) - Date.now() > HOUR) return token;
      const answer = await fetch(`${config.url}/visitors`, {
        method: "POST",
        headers: { ...(old && { Authorization: old }), "Content-Type": "application/json" },
        body: JSON.stringify({ tenant, chatbot_id }),
      });
      const visit = await answer.json();
      if (!answer.ok) throw new SwitchboardError(visit);
      Object.assign(kept, visit);
      paint();
      return visit.token;
    };
    // In one tab at a time.
    return navigator.locks ? navigator.locks.request(chatbot_id, renew) : renew();
  }

  /** Goes on, or greets. */
  async function arrive() {
    const known = kept.thread;
    if (!known && !host.open) return;
    problem = undefined;
    kept.next ??= unique();
    try {
      await connect();
      if (!known) await bearer();
      else if (known !== thread?.id) listen(known);
    } catch (error) {
      complain(error);
    }
  }

  function look({ type }) {
    if (thread && thread.id !== kept.thread) leave();
    arrive();
    paint();
    if (type !== "online") return;
    for (const unsent of waiting.values()) if (unsent.failed === "network") post(unsent);
  }

  /** The thread is made with the first message; all tabs ask for the `next` one by the same key. */
  async function begin() {
    await connect();
    const id = kept.thread ?? (await board.request("POST", "/threads", { chatbot_id })).id;
    kept.thread = id;
    if (id !== thread?.id) listen(id);
    return thread;
  }

  async function listen(id) {
    leave();
    const here = (thread = board.thread(id));
    for await (const event of here) {
      if (here !== thread) return;
      hear(event);
      paint();
    }
  }

  function leave() {
    thread?.close();
    thread = connection = agent = typist = undefined;
    status = "bot";
    streams.clear();
    log = [];
    redraw();
  }

  function anew() {
    Object.assign(kept, { next: unique(), read: 0, thread: null });
    leave();
    arrive();
  }

  function hear(event) {
    const { type, who } = event;
    if (type === "connection") connection = event.state;
    if (type === "message.created") place(event.message);
    if (type === "message.delta") stream(event);
    if (type === "message.discarded") withdraw(event.run_id);
    if (type === "read" && who.role === "customer") read(event.seq);
    if (type === "typing" && who.role !== "customer") {
      typist = event.on && who;
      clearTimeout(forgets);
      forgets = setTimeout(() => hear({ ...event, on: false }), 6000);
    }
    if (type === "error") {
      if (event.code === "not_found") anew();
      complain(event);
    }
  }

  function place(message) {
    const { role, author, event } = message;
    log.push(message);
    if (author.id === typist?.id) typist = undefined;
    if (role === "bot") streams.clear();
    if (role === "customer") discard(message.client_id);
    if (event) {
      for (const run of streams.keys()) withdraw(run);
      status = HOLDER[event.to ?? event.type];
      agent = event.agent;
    }
  }

  function stream({ run_id, index, text }) {
    const said = streams.get(run_id) ?? "";
    const late = status !== "bot" || !(waiting.size || unanswered());
    // Or it was said before, or began before this page listened.
    if (late || said.startsWith(text, index) || index > said.length) return;
    streams.set(run_id, said.slice(0, index) + text);
  }

  function withdraw(run) {
    if (streams.delete(run)) log.push({ event: { type: "withdrawn" } });
  }

  const does = {
    open: () => (host.open = !host.open),
    close: () => (host.open = false),
    send: say,
    ask: () => order("escalate", "queued"),
    end: () => order("end", "ended"),
    anew,
    download: () => {
      const told = log.filter(({ seq }) => seq).map((message) => {
        const words = message.event ? toldOf(message.event) : `${nameOf(message.author, message.role)}: ${message.text}`;
        return `${new Date(message.at).toLocaleString(language)}\n${words}\n\n`;
      });
      made("a", { href: URL.createObjectURL(new Blob(told)), download: `${texts.chat}.txt` }).click();
    },
  };

  function say() {
    const { field, scroll } = parts;
    const text = field.value.trim();
    field.value = "";
    scroll.scrollTop = 0;
    thread?.typing(false);
    if (text) post({ client_id: unique(), text });
  }

  /** In order, but without waiting for an answer. */
  function post(unsent) {
    if (status === "ended") anew();
    problem = unsent.failed = undefined;
    waiting.set(unsent.client_id, unsent);
    drawWaiting();
    const arrives = new Promise((arrived) => (unsent.arrived = arrived));
    turn = turn.then(() => Promise.race([deliver(unsent), arrives]));
  }

  async function deliver(unsent) {
    const { client_id, text } = unsent;
    try {
      await (await begin()).send(text, { client_id });
    } catch (error) {
      if (!waiting.has(client_id)) return;
      unsent.failed = error.code ?? "network";
      drawWaiting();
      complain(error);
    }
  }

  function discard(client_id) {
    waiting.get(client_id)?.arrived();
    if (waiting.delete(client_id)) drawWaiting();
  }

  async function order(verb, then) {
    const before = status;
    try {
      const { id } = await begin();
      await board.request("POST", `/threads/${id}/${verb}`, {});
      if (status === before) status = then;
      paint();
    } catch (error) {
      complain(error);
    }
  }

  function read(seq) {
    if (seq > kept.read) kept.read = seq;
  }

  function complain({ code = "network" }) {
    problem = code;
    paint();
  }

  async function speak() {
    const tags = [host.lang, document.documentElement.lang, ...navigator.languages, "en"];
    language = tags.map((tag) => tag.slice(0, 2)).find((tag) => LANGUAGES.includes(tag));
    const there = language === "en" ? {} : await import(`./texts.${language}.js`).catch(() => ({}));
    texts = { ...TEXTS, ...there.texts, ...host.texts };
    build();
  }

  function build() {
    root.innerHTML = SHELL;
    parts = Object.fromEntries([...root.querySelectorAll("[id]")].map((part) => [part.id, part]));
    for (const one of root.querySelectorAll("[name]")) {
      const text = texts[one.getAttribute("name")];
      if (one.firstChild) one.ariaLabel = one.title = text;
      else one.textContent = text;
    }
    const { section, panel, menu, field } = parts;
    section.dir = texts.dir ?? "ltr";
    section.lang = language;
    section.ariaLabel = parts.log.ariaLabel = texts.chat;
    field.ariaLabel = field.placeholder = texts.write;
    field.oninput = () => thread?.typing(field.value !== "");
    section.onclick = ({ target }) => {
      const { name } = target.closest("button") ?? {};
      menu.hidden = name !== "more" || !menu.hidden;
      does[name]?.();
      paint();
    };
    section.onkeydown = press;
    panel.onclose = () => (host.open = panel.open);
    redraw();
    drawWaiting();
    arrange();
  }

  function press(event) {
    const { key, target, isComposing, shiftKey } = event;
    const { panel, menu, field } = parts;
    // A page has keys of its own.
    event.stopPropagation();
    const sends = key === "Enter" && target === field && !shiftKey;
    const closes = key === "Escape" && panel.contains(target);
    if (isComposing || !(sends || closes)) return;
    event.preventDefault();
    if (sends) say();
    else if (menu.hidden) host.open = false;
    menu.hidden = true;
    paint();
  }

  function arrange(enters) {
    const { panel, launcher } = parts;
    const { open } = host;
    const inside = panel.contains(root.activeElement);
    panel.close();
    if (open && NARROW.matches) panel.showModal();
    // `show()` would take the focus in any case.
    else panel.open = open;
    draw();
    if (open && (inside || enters)) enter();
    else if (inside) launcher.focus();
  }

  function enter() {
    // A phone's keyboard would hide what was said.
    (NARROW.matches || status === "ended" ? parts.panel : parts.field).focus();
  }

  function paint() {
    frame ??= requestAnimationFrame(() => {
      frame = undefined;
      if (parts) draw();
    });
  }

  function redraw() {
    drawn = 0;
    parts?.log.replaceChildren();
    paint();
  }

  function draw() {
    const { panel, launcher, more } = parts;
    const { open } = host;
    const name = agent ? nameOf(agent) : botName();
    tell("title", name);
    tell("face", [...name][0]);
    tell("line", texts[status]);
    tell("notice", navigator.onLine ? connection !== "open" && texts[connection] : texts.offline);
    tell("problem", problem && (texts[problem] ?? texts.problem));
    panel.className = status;
    more.hidden = !thread;
    more.ariaExpanded = !parts.menu.hidden;
    drawLog();
    const now = [...streams.values()];
    if (!log.length && (!kept.thread || waiting.size)) now.push(kept.chatbot?.greeting);
    parts.now.replaceChildren(...now.filter(Boolean).map((text) => row({ role: "bot", author: {}, text })));
    const answers = status === "bot" && unanswered() && !streams.size && connection !== "connecting";
    const types = typist ? nameOf(typist) : answers && botName();
    tell("typing", types && fill(texts.typing, types));
    const seen = kept.read;
    const unread = open ? 0 : log.filter(({ seq, role }) => seq > seen && /bot|agent/.test(role)).length;
    tell("badge", unread);
    launcher.ariaLabel = open ? texts.close : texts.open + (unread ? `, ${fill(texts.unread, unread)}` : "");
    launcher.ariaExpanded = open;
    // What had the focus may be gone.
    if (root.activeElement?.checkVisibility() === false) enter();
  }

  function drawLog() {
    for (let message; (message = log[drawn]); drawn++) {
      const { event } = message;
      if (lacksMarkdown(message)) return;
      parts.log.append(event ? made("p", { className: "event" }, toldOf(event)) : row(message, log[drawn - 1]));
    }
    const { seq } = log.at(-1) ?? {};
    if (!seq || !host.open || document.hidden) return;
    read(seq);
    // Sooner, nobody would hear it.
    if (connection === "open") thread.read(seq);
  }

  function drawWaiting() {
    const button = (text, onclick) => made("button", { onclick }, text);
    const rows = [...waiting.values()].map((unsent) => {
      const { client_id, text, failed } = unsent;
      const state = failed
        ? [texts.unsent, button(texts.retry, () => post(unsent)), button(texts.discard, () => discard(client_id))]
        : [texts.sending];
      const said = row({ role: "customer", author: {}, text });
      return made("div", {}, said, made("p", { className: failed ? "state failed" : "state" }, ...state));
    });
    parts.unsent.replaceChildren(...rows);
    paint();
  }

  function row(message, before) {
    const { role, author, text, at } = message;
    const who = made("p", { className: "who" }, made("bdi", {}, nameOf(author, role)));
    if (role === "bot") who.append(made("span", {}, texts.ai));
    if (at) who.append(made("time", { dateTime: at }, new Date(at).toLocaleTimeString(language, { timeStyle: "short" })));
    const body = made("div", { dir: "auto" }, text);
    if (role !== "customer" && !lacksMarkdown(message) && MARKED.test(text)) {
      body.className = "markdown";
      body.replaceChildren(markdown(text));
    }
    const again = before?.role === role && before.author.id === author.id;
    return made("div", { className: `message ${role} ${again && "again"}` }, who, body);
  }

  function lacksMarkdown({ role, text }) {
    if (markdown || role === "customer" || !MARKED.test(text)) return false;
    learning ??= import("./markdown.js")
      .then((module) => {
        root.adoptedStyleSheets.push(sheet(module.style));
        ({ markdown } = module);
      })
      .catch(() => (markdown = String))
      .then(paint);
    return true;
  }

  function toldOf({ type, to, agent }) {
    const text = texts[{ bot: "released", queue: "escalated" }[to] ?? type];
    return fill(text, agent && nameOf(agent));
  }

  function nameOf({ id, name }, role) {
    return role === "customer" ? texts.you : (name ?? (role === "bot" ? botName() : id));
  }

  function botName() {
    const last = log.findLast(({ role }) => role === "bot");
    return last?.author.name ?? kept.chatbot?.name ?? texts.chat;
  }

  function unanswered() {
    const asked = log.findLast(({ role }) => role === "customer");
    const answer = log.findLast(({ role, answers }) => role === "agent" || answers);
    return asked?.seq > (answer?.answers?.through ?? answer?.seq ?? 0);
  }

  /** Set again, it would be announced again. */
  function tell(part, text) {
    if (parts[part].textContent !== `${text || ""}`) parts[part].textContent = text || "";
  }

  const gone = new AbortController();
  for (const type of ["storage", "online", "offline", "visibilitychange"]) addEventListener(type, look, gone);
  NARROW.addEventListener("change", () => arrange(), gone);
  root.adoptedStyleSheets = [sheet(STYLE)];
  leave();
  speak().then(arrive);

  return {
    changed(name) {
      if (!parts) return;
      if (name !== "open") return speak();
      arrange(true);
      arrive();
    },
    end() {
      gone.abort();
      leave();
      board?.close();
    },
  };
}

/** What all tabs know; where a page is denied its storage, this one. */
function storage(where) {
  let shelf = {};
  try {
    shelf = localStorage;
  } catch {}
  return new Proxy({}, {
    get: (_, what) => JSON.parse(shelf[where + what] ?? null),
    set: (_, what, value) => (shelf[where + what] = JSON.stringify(value)),
  });
}

const unique = () => Date.now() + Math.random().toString(36).slice(1);

/** A name keeps its own direction. */
const fill = (text, value) => text.replace(/{\w+}/, () => `\u2068${value}\u2069`);

function made(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function sheet(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

/** What has a `name` says the text of that name, and does it. */
const SHELL = `<section id="section">
<dialog id="panel" tabindex="-1" aria-labelledby="title">
  <header>
    <span id="face" aria-hidden="true"></span>
    <div><h2 id="title"></h2><p id="line"></p></div>
    <button id="more" name="more" aria-controls="menu"><svg><path d="M4.5 10h0m5.5 0h0m5.5 0h0"/></svg></button>
    <div id="menu" hidden><button name="download"></button><button name="end"></button></div>
    <button name="close"><svg><path d="m6 6 8 8m0-8-8 8"/></svg></button>
  </header>
  <p id="notice" role="status"></p>
  <p id="waiting"><span name="waiting"></span><button name="end"></button></p>
  <div id="scroll" tabindex="0"><div>
    <div id="log" role="log"></div><div id="now"></div><div id="unsent"></div><p id="typing"></p>
  </div></div>
  <p id="problem" role="alert"></p>
  <div id="composer">
    <textarea id="field" rows="2" maxlength="32000"></textarea>
    <button id="ask" name="ask"></button>
    <button id="send" name="send"><svg><path d="M10 16V4M5 9l5-5 5 5"/></svg></button>
  </div>
  <div id="over"><button name="anew"></button></div>
</dialog>
<button id="launcher" name="open" aria-controls="panel"><svg><path d="M17 9.5a7 6.5 0 0 1-10 5.8L3 16.5l1.2-3.6A6 6 0 0 1 3 9.5a7 6.5 0 0 1 14 0Z"/></svg><svg><path d="m5 8 5 5 5-5"/></svg><span id="badge" aria-hidden="true"></span></button>
</section>`;

const STYLE = `
:host {
  all: initial;
  display: contents;
  color-scheme: light dark;
}
:host([theme="light"]) { color-scheme: light }
:host([theme="dark"]) { color-scheme: dark }
:host([hidden]), [hidden], p:empty, #badge:empty, dialog:not(.queued) #waiting, dialog:not(.bot) #ask, dialog:not(.ended) #over, .ended #composer, .ended [name="end"] { display: none !important }

* { box-sizing: border-box; margin: 0 }
section {
  --accent: var(--switchboard-accent, #4f46e5);
  --paper: var(--switchboard-paper, light-dark(#fff, #191b20));
  --soft: var(--switchboard-soft, light-dark(#f2f3f6, #272a31));
  --ink: var(--switchboard-ink, light-dark(#181a1f, #eceef2));
  --muted: var(--switchboard-muted, light-dark(#5c626e, #a3a9b5));
  --line: var(--switchboard-line, light-dark(#e2e4e9, #373b44));
  --alarm: light-dark(#b3261e, #ff9d92);
  /* Black or white, by what WCAG calls luminance. */
  --white: clamp(0, (.18 - y) * 999, 1);
  --on-accent: color(from var(--accent) xyz calc(.95 * var(--white)) var(--white) calc(1.09 * var(--white)));
  font: 15px/1.5 var(--switchboard-font, system-ui, sans-serif);
  color: var(--ink);
  overflow-wrap: anywhere;
}
button, textarea, h2 { font: inherit; color: inherit; background: none; border: 0; padding: 0 }
button { cursor: pointer; min-height: 24px; border-radius: 8px }
:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px }
svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; display: block }
button:has(svg) { padding: 7px; border-radius: 50% }
button:hover { background: var(--soft) }

#launcher, dialog { position: fixed; z-index: 99999; inset-block: auto 20px; inset-inline: auto 20px }
#launcher { padding: 19px; border-radius: 50%; box-shadow: 0 6px 20px -4px #0006 }
#launcher svg { scale: 1.4 }
#launcher[aria-expanded="true"] svg:first-child, #launcher[aria-expanded="false"] svg + svg { display: none }
#badge { position: absolute; inset: -3px -3px auto auto; min-width: 22px; padding: 0 6px; border-radius: 18px; background: var(--alarm); color: var(--paper); font-size: 13px }
dialog { width: 396px; height: min(660px, 100dvh - 112px); margin-bottom: 72px; padding: 0; border-radius: 20px; color: inherit; overflow: hidden; flex-direction: column; outline: 0 }
dialog, #menu { border: 1px solid var(--line); background: var(--paper); box-shadow: 0 16px 48px -12px #0004 }
dialog[open] { display: flex; animation: appear .2s }
@keyframes appear { from { opacity: 0; translate: 0 8px } }

header { display: flex; align-items: center; gap: 4px; padding: 14px; border-bottom: 1px solid var(--line) }
header > span + div { flex: 1; min-width: 0; margin-inline-start: 8px; line-height: 1.3 }
h2, bdi { font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--ink) }
#face { width: 38px; line-height: 38px; border-radius: 50%; text-align: center; font-weight: 600 }
#menu { display: grid; position: absolute; z-index: 1; inset-block-start: 54px; inset-inline-end: 14px; padding: 6px; border-radius: 12px }
#menu button { padding: 7px 12px; text-align: start }
#notice, #waiting { display: flex; align-items: center; justify-content: space-between; padding: 9px 16px; background: var(--soft) }
#notice { position: absolute; inset: 67px 0 auto }
/* What is over sooner is not worth a word. */
#notice, .state { animation: appear .2s 1.5s both }
p button { flex: none; margin-inline-start: 10px; color: var(--ink); font-weight: 600; text-decoration: underline }
#line, #notice, #waiting, #problem, #ask, #typing, .who, .event, .state { font-size: 13px; color: var(--muted) }

#scroll { flex: 1; display: flex; flex-direction: column-reverse; overflow: hidden auto; overscroll-behavior: contain; padding: 16px; outline-offset: -3px }
.message { display: grid; justify-items: start; margin-top: 14px }
.again { margin-top: 5px }
.again .who { position: absolute; clip-path: inset(50%) }
.who { display: flex; align-items: baseline; gap: 7px; max-width: 100%; margin: 0 4px 4px }
.who span { padding: 0 5px; border: 1px solid var(--line); border-radius: 5px; font-size: 11px; line-height: 15px }
.message > div { max-width: min(100%, 320px); padding: 9px 13px; border-radius: 18px; background: var(--soft); white-space: pre-wrap; unicode-bidi: plaintext; text-align: start }
.message > .markdown { white-space: normal }
.customer { justify-items: end }
#face, #send, #launcher, #over button, .customer > div { background: var(--accent); color: var(--on-accent) }
.event { margin: 16px 20px; text-align: center }
.state { margin: 4px 4px 0; text-align: end }
p.failed { animation: none }
#problem, p.failed { color: var(--alarm) }
#typing { margin: 14px 4px 0; animation: appear 1s infinite alternate }

#problem { padding: 8px 18px }
#composer { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 6px; margin: 0 12px 12px; padding: 10px 8px 8px 14px; border: 1px solid var(--line); border-radius: 18px }
#composer:focus-within { border-color: var(--ink) }
textarea { width: 100%; min-height: 1lh; max-height: 140px; field-sizing: content; resize: none; unicode-bidi: plaintext; text-align: start; outline: 0 !important }
::placeholder { color: var(--muted); opacity: 1 }
#ask { margin-inline-start: -8px; padding: 4px 8px }
#send { margin-inline-start: auto }
#over { padding: 18px; text-align: center }
#over button { padding: 8px 18px; border-radius: 18px; font-weight: 600 }
@media (max-width: 480px) {
  dialog { inset: 0; margin: 0; min-width: 100%; min-height: 100dvh; border: 0; border-radius: 0 }
  textarea { font-size: 16px }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important } }
`;

customElements.define("switchboard-chat", SwitchboardChat);

for (const { dataset } of document.querySelectorAll("script[data-tenant][data-chatbot]")) {
  const chat = made("switchboard-chat");
  for (const name in dataset) chat.setAttribute(name, dataset[name]);
  document.body.append(chat);
}
