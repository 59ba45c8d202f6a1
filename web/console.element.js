/** `el("p.muted", { id: "x", onclick }, "text", child)`: what is called `on…` listens, and a text is never markup. */
export function el(what, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  const props = children[0]?.constructor === Object ? children.shift() : {};
  node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child != null && child !== false));
  return node;
}

export function empty(title, text, props = {}, ...more) {
  return el("div.empty", props, title && el("h2", title), el("p", text), more);
}

export function failed(title, error, again) {
  const retry = button("Try again", again, { class: "primary" });
  return empty(title, kindly(error), { role: "alert" }, retry);
}

export function button(words, onclick, { icon: name, only, class: classes = "", ...props } = {}) {
  const label = only ? { "aria-label": words, title: words } : {};
  const children = [name && icon(name), !only && el("span", words)];
  return el("button", { type: "button", class: `${classes}${only ? " only" : ""}`, onclick, ...label, ...props }, children);
}

const STROKES = {
  down: "M6 10l6 6 6-6",
  note: "M6 11h12v9H6zM9 11V8a3 3 0 016 0v3",
  sound: "M5 9.5v5h3.5L13 18V6L8.5 9.5zM16.5 9a4.5 4.5 0 010 6",
  mute: "M5 9.5v5h3.5L13 18V6L8.5 9.5zM16.5 10l4 4m0-4l-4 4",
  out: "M13 5h5v14h-5M9 8l-4 4 4 4M5 12h9",
  help: "M9.5 9.5a2.5 2.5 0 113.6 2.2c-.8.4-1.1.9-1.1 1.8M12 16.5v.5",
  bot: "M6 9.5h12V18H6zM12 9.500V6M9.500 13v1.500M14.500 13v1.500",
  plus: "M12 6v12M6 12h12",
  close: "M7 7l10 10M17 7L7 17",
};

export function icon(name) {
  const drawn = document.createElement("template");
  drawn.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${STROKES[name]}"/></svg>`;
  return drawn.content.firstChild;
}

/** Whatever is moved would lose its focus. */
export function arrange(parent, wanted) {
  const focused = document.activeElement;
  const staying = new Set(wanted);
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove();
  let next = parent.firstChild;
  for (const child of wanted) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

const TOLD = 8000;

/** Gives what was filled in, or `null`. */
export function ask({ title, text, fields = [], yes, no = "Cancel", danger = false }) {
  return new Promise((answered) => {
    const form = el(
      "form",
      { onsubmit: (event) => (event.preventDefault(), dialog.close("yes")) },
      el("h2", { id: "asked" }, title),
      text && el("p", { dir: "auto" }, text),
      fields,
      el(
        "div.row.end",
        no && button(no, () => dialog.close()),
        el("button", { class: danger ? "danger" : "primary" }, yes),
      ),
    );
    const dialog = el("dialog", { "aria-labelledby": "asked" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      answered(dialog.returnValue === "yes" ? new FormData(form) : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const toasts = el("div.toasts", { role: "status" });
const voice = el("div.unseen", { role: "log", "aria-live": "polite", "aria-label": "What is new" });
document.body.append(toasts, voice);

export function tell(text) {
  for (const toast of toasts.children) if (toast.textContent === text) toast.remove();
  const toast = el("div.toast", el("span", { dir: "auto" }, text));
  toast.append(button("Close", () => toast.remove(), { icon: "close", only: true }));
  toasts.append(toast);
  setTimeout(() => toast.remove(), TOLD);
}

export function announce(text) {
  voice.append(el("p", { dir: "auto" }, text.slice(0, 300)));
  while (voice.children.length > 5) voice.firstChild.remove();
}

/** Customers say their names as they speak; a thread only tells their ids. */
const heard = new Map();

export function learn({ id, name }, isOwn = true) {
  if (name && (isOwn || !heard.has(id))) heard.set(id, name);
}

export function nameOf({ id, name }) {
  return name || heard.get(id) || (id.startsWith("vis_") ? `Visitor ${id.slice(-4)}` : id);
}

export const customerOf = ({ customer_id: id, metadata }) => (metadata?.name || nameOf({ id })).slice(0, 80);

export function avatar(id, name) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "");
  const look = { "aria-hidden": "true", "data-hue": id.charCodeAt(id.length - 1) % 6 };
  return el("span.avatar", look, initials.join("").toUpperCase());
}

export function kindly(error) {
  if (error.agent) return `${nameOf(error.agent)} took it first.`;
  if (error.code === "network") return "There is no connection to the server.";
  if (error.status === 429) return "That was too much at once; try again in a moment.";
  const detail = error.detail || error.message || "Something went wrong.";
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${/[.!?]$/.test(detail) ? "" : "."}`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const clock = (at) => CLOCK.format(new Date(at));
export const whole = (at) => WHOLE.format(new Date(at));

export function day(at) {
  const that = new Date(at);
  const today = new Date();
  if (that.toDateString() === today.toDateString()) return "Today";
  today.setDate(today.getDate() - 1);
  return that.toDateString() === today.toDateString() ? "Yesterday" : DAY.format(that);
}

/** `7 s`, `3 min`, `2 h 5 min`, `4 d`. */
export function lasted(ms) {
  const [hours, minutes] = [Math.floor(ms / HOUR), Math.floor((ms % HOUR) / MINUTE)];
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))} s`;
  if (hours >= 24) return `${Math.floor(hours / 24)} d`;
  return [hours && `${hours} h`, (minutes || !hours) && `${minutes} min`].filter(Boolean).join(" ");
}

/** `0:07`, `3:12`; in words from an hour on. */
export function waited(ms) {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  return ms >= HOUR ? lasted(ms) : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const ago = (ms) => (ms < 10 * SECOND ? "now" : lasted(ms));

const WORDS = { ago, waited };

/** Told anew each second. */
export function since(at, words = "ago") {
  return refresh(el("time", { datetime: at, "data-since": words, title: whole(at) }));
}

function refresh(node) {
  const text = WORDS[node.dataset.since](Date.now() - Date.parse(node.dateTime));
  if (node.textContent !== text) node.textContent = text;
  return node;
}

setInterval(() => document.querySelectorAll("[data-since]").forEach(refresh), SECOND);
