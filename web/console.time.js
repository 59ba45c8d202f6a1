/** Times and durations as text, and `<time>` elements that keep counting. */

import { el } from "./console.element.js";

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeZone: "UTC" });

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

export const formatTime = (at) => TIME.format(new Date(at));
export const formatDateTime = (at) => DATE_TIME.format(new Date(at));
/** A date in UTC, `2027-03-12`, as text. */
export const formatDate = (date) => DATE.format(new Date(date));

/** `Today`, `Yesterday`, or the date. */
export function formatDay(at) {
  const date = new Date(at);
  const other = new Date();
  if (date.toDateString() === other.toDateString()) return "Today";
  other.setDate(other.getDate() - 1);
  return date.toDateString() === other.toDateString() ? "Yesterday" : DAY.format(date);
}

/** `7 s`, `3 min`, `2 h 5 min`, `4 d`. */
export function formatDuration(ms) {
  const [hours, minutes] = [Math.floor(ms / HOUR_MS), Math.floor((ms % HOUR_MS) / MINUTE_MS)];
  if (ms < MINUTE_MS) return `${Math.max(0, Math.floor(ms / SECOND_MS))} s`;
  if (hours >= 24) return `${Math.floor(hours / 24)} d`;
  return [hours && `${hours} h`, (minutes || !hours) && `${minutes} min`].filter(Boolean).join(" ");
}

/** A `<time>` with the time since `at`, updated each second. */
export function elapsed(at) {
  return update(el("time", { datetime: at, "data-elapsed": true, title: formatDateTime(at) }));
}

function update(node) {
  const text = formatDuration(Date.now() - Date.parse(node.dateTime));
  if (node.textContent !== text) node.textContent = text;
  return node;
}

setInterval(() => document.querySelectorAll("[data-elapsed]").forEach(update), SECOND_MS);
