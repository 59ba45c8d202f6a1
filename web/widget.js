/**
 * The chat in a page's corner: `<script type="module" src="…/widget.js" data-tenant="acme" data-chatbot="bot_…">` or
 * `<switchboard-chat tenant="acme" chatbot="bot_…">`, with `lang`, `theme`, `accent`, `open` and `token` if need be.
 */
import { Switchboard, SwitchboardError } from "./switchboard.js";
import { SHELL, STYLE, TEXTS } from "./widget.look.js";

const LANGUAGES = ["en", "es", "ar"];

const HOUR = 3_600_000;
const PAGE = 50;
const NARROW = matchMedia("(max-width: 480px)");
/** It may be markdown. */
const MARKED = /[*_`~#>|[\\]|^ *([-+]|\d+[.)]) |https?:/m;
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
  const kept = storage("localStorage", `switchboard ${tenant} ${chatbot_id} `);
  const own = storage("sessionStorage", `switchboard ${tenant} ${chatbot_id} `);
  const streams = new Map();
  const waiting = new Map();
  let texts, language, parts, config, board, refused, connection, problem, status, agent, typist, forgets, frame;
  /** The thread's id; the `seq` of the first message that is here, and of the last that was there on arrival. */
  let at, first, past;
  let opening, thread, log, drawn, markdown, learning;
  let turn = Promise.resolve();
  let visits = 0;
  for (const unsent of own.unsent ?? []) waiting.set(unsent.client_id, { failed: "network", ...unsent });

  async function connect() {
    config ??= await (await fetch(new URL("config.json", import.meta.url))).json();
    if (gone.signal.aborted) throw new SwitchboardError({ code: "closed" });
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

  async function arrive() {
    const known = kept.thread;
    if (!known && !host.open) return;
    problem = undefined;
    kept.next ??= unique();
    try {
      await connect();
      if (known) listen(known);
      else await bearer();
    } catch (error) {
      complain(error);
    }
  }

  function look({ type }) {
    if (at && at !== kept.thread) leave();
    arrive();
    paint();
    if (type !== "online" || status === "ended") return;
    for (const unsent of waiting.values()) if (unsent.failed === "network") post(unsent);
  }

  /** The thread is made with the first message; all tabs ask for the `next` one by the same key. */
  async function begin() {
    await connect();
    const isNew = !kept.thread;
    if (isNew) kept.thread = (await board.request("POST", "/threads", { chatbot_id })).id;
    return (await listen(kept.thread, isNew)) ?? begin();
  }

  function listen(id, isNew) {
    if (id !== at) {
      leave();
      at = id;
      opening = follow(id, isNew);
    }
    return opening;
  }

  /** From its newest page on; where that cannot be had, from the beginning, as soon as it can. */
  async function follow(id, isNew) {
    const newest = () => Promise.all([board.request("GET", `/threads/${id}`), read()]).catch(() => {});
    const here = visits;
    const [now, page] = (!isNew && (await newest())) || [];
    if (here !== visits) return;
    if (now) {
      ({ status, agent } = now);
      page.forEach(place);
      first = page[0]?.seq;
      past = page.at(-1)?.seq;
    }
    hearAll((thread = board.thread(id, { after: past })));
    return thread;
  }

  async function hearAll(here) {
    for await (const event of here) {
      if (here !== thread) return;
      hear(event);
      paint();
    }
  }

  async function read(before = "") {
    return (await board.request("GET", `/threads/${at}/messages?limit=${PAGE}${before && `&before=${before}`}`)).data;
  }

  async function earlier() {
    const here = visits;
    const page = await read(first);
    if (page.some(lacksMarkdown)) await learning;
    if (here !== visits || page.at(-1)?.seq !== first - 1) return;
    first = page[0].seq;
    log.unshift(...page);
    drawn += page.length;
    parts.past.prepend(...page.map((message, place) => line(message, page[place - 1])));
    paint();
  }

  function leave() {
    thread?.close();
    at = thread = connection = agent = undefined;
    status = "bot";
    visits++;
    forget();
    streams.clear();
    log = [];
    first = past = undefined;
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
    if (type === "read" && who.role === "customer") hasRead(event.seq);
    if (type === "typing" && who.role !== "customer") {
      forget();
      typist = event.on && who;
      if (event.on) forgets = setTimeout(forget, 6000);
    }
    if (type === "error") {
      if (event.code === "not_found") anew();
      complain(event);
    }
  }

  function forget() {
    clearTimeout(forgets);
    typist = undefined;
    paint();
  }

  function place(message) {
    const { role, author, event } = message;
    log.push(message);
    if (author.id === typist?.id) forget();
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
    earlier,
    download: async () => {
      for (let before; first > 1 && first !== before; await earlier()) before = first;
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
    own.draft = field.value = "";
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
      discard(client_id);
    } catch (error) {
      if (!waiting.has(client_id)) return;
      unsent.failed = error.code ?? "network";
      drawWaiting();
      complain(error);
    }
  }

  function discard(client_id) {
    waiting.get(client_id)?.arrived?.();
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

  function hasRead(seq) {
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
    section.ariaLabel = parts.fresh.ariaLabel = texts.chat;
    field.ariaLabel = field.placeholder = texts.write;
    field.value = own.draft ?? "";
    field.oninput = () => {
      own.draft = field.value;
      thread?.typing(field.value !== "");
    };
    section.onclick = ({ target }) => {
      const { name } = target.closest("button") ?? {};
      menu.hidden = name !== "more" || !menu.hidden;
      Promise.resolve(does[name]?.()).catch(complain);
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
    const inside = panel.contains(target);
    const closes = key === "Escape" && inside;
    if (key === "Tab" && inside) cycle(event);
    if (isComposing || !(sends || closes)) return;
    event.preventDefault();
    if (sends) say();
    else if (menu.hidden) host.open = false;
    menu.hidden = true;
    paint();
  }

  /** Out of the panel Escape leads. */
  function cycle(event) {
    const all = [...parts.panel.querySelectorAll("a, button, textarea, #scroll")].filter((one) => one.checkVisibility());
    const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
    if (event.target !== from && event.target !== parts.panel) return;
    event.preventDefault();
    to.focus();
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
    parts?.past.replaceChildren();
    parts?.fresh.replaceChildren();
    paint();
  }

  function draw() {
    const { panel, launcher, more } = parts;
    const { open } = host;
    parts.earlier.hidden = !(first > 1);
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
      if (lacksMarkdown(message)) return;
      parts[message.seq <= past ? "past" : "fresh"].append(line(message, log[drawn - 1]));
    }
    const { seq } = log.at(-1) ?? {};
    if (!seq || !host.open || document.hidden) return;
    hasRead(seq);
    thread?.read(seq);
  }

  function drawWaiting() {
    own.unsent = [...waiting.values()];
    const button = (text, onclick) => made("button", { onclick }, text);
    const rows = [...waiting.values()].map((unsent) => {
      const { client_id, text, failed } = unsent;
      const state = failed
        ? [texts.unsent, button(texts.retry, () => post(unsent)), button(texts.discard, () => discard(client_id))]
        : [texts.sending];
      const said = row({ role: "customer", author: {}, text });
      return made("div", {}, said, made("p", { className: failed ? "state failed" : "state" }, ...state));
    });
    const inside = parts.unsent.contains(root.activeElement);
    parts.unsent.replaceChildren(...rows);
    if (inside) enter();
    paint();
  }

  function line(message, before) {
    const { event } = message;
    return event ? made("p", { className: "event" }, toldOf(event)) : row(message, before);
  }

  function row(message, before) {
    const { role, author, text, at } = message;
    const who = made("p", { className: "who" }, made("bdi", {}, nameOf(author, role)));
    if (role === "bot") who.append(made("span", {}, texts.ai));
    if (at) who.append(made("time", { dateTime: at }, new Date(at).toLocaleTimeString(language, { timeStyle: "short" })));
    const body = made("div", { dir: "auto" }, text);
    if (role !== "customer" && !lacksMarkdown(message) && markdown !== String && MARKED.test(text)) {
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

  function toldOf({ type, to, agent, reason }) {
    const text = texts[{ bot: "released", queue: "escalated" }[to] ?? (reason === "failure" ? reason : type)];
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

/** Where a page is denied its storage, it is kept as long as the page is. */
function storage(kind, where) {
  let shelf = {};
  try {
    shelf = window[kind];
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

customElements.define("switchboard-chat", SwitchboardChat);

for (const { dataset } of document.querySelectorAll("script[data-tenant][data-chatbot]")) {
  const chat = made("switchboard-chat");
  for (const name in dataset) chat.setAttribute(name, dataset[name]);
  document.body.append(chat);
}
