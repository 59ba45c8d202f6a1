/** What people, times and troubles are called. */

import { el } from "./console.element.js";

/** Customers say their names as they speak; a thread only tells their ids. */
const heard = new Map();

export function learn({ id, name }) {
  if (name) heard.set(id, name);
}

export function nameOf({ id, name }) {
  return name || heard.get(id) || (id.startsWith("vis_") ? `Visitor ${id.slice(-4)}` : id);
}

/** A page may tell its customer's name as metadata. */
export function customerOf(thread) {
  return (thread.metadata?.name || nameOf({ id: thread.customer_id })).slice(0, 80);
}

/** The same colour for the same person, each time. */
export function avatar(id, name) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "");
  let hue = 0;
  for (const character of id) hue = (hue * 31 + character.codePointAt(0)) % 6;
  return el("span.avatar", { "aria-hidden": "true", "data-hue": hue }, initials.join("").toUpperCase());
}

/** A refusal, as one would say it to a colleague. @param {import("./switchboard.js").SwitchboardError} error */
export function kindly(error) {
  const holder = /^(.+) holds the line$/.exec(error.detail ?? "")?.[1];
  if (error.status === 409 && holder) return `${nameOf({ id: holder })} took it first.`;
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

/** How long ago that was, told anew each second. @param {"ago" | "waited"} words */
export function since(at, words = "ago") {
  return refresh(el("time", { datetime: at, "data-since": words, title: whole(at) }));
}

function refresh(node) {
  const text = WORDS[node.dataset.since](Date.now() - Date.parse(node.dateTime));
  if (node.textContent !== text) node.textContent = text;
  return node;
}

setInterval(() => document.querySelectorAll("[data-since]").forEach(refresh), SECOND);
