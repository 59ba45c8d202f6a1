/** Names and avatars of customers, agents and bots. */

import { el } from "./console.element.js";

const MAX_NAME_CHARACTERS = 80;

/** Number of avatar hues; `console.css` defines them. */
const HUES = 6;

/** Names by person id. A thread carries only its customer's id; their name comes with their messages and presence. */
const names = new Map();

/** Remembers a person's name. One that they did not give themselves (`isOwn` is false) replaces none that is known. */
export function rememberName({ id, name }, isOwn = true) {
  if (name && (isOwn || !names.has(id))) names.set(id, name);
}

export function nameOf({ id, name }) {
  return name || names.get(id) || (id.startsWith("vis_") ? `Visitor ${id.slice(-4)}` : id);
}

/** The name of a thread's customer; one in the thread's metadata comes first. */
export function customerName({ customer_id: id, metadata }) {
  return (metadata?.name || nameOf({ id })).slice(0, MAX_NAME_CHARACTERS);
}

/** `Ana is`, `Ana and Ada are`: the subject of a sentence about these people. */
export function namesWithVerb(people) {
  return `${new Intl.ListFormat("en").format(people)} ${people.length > 1 ? "are" : "is"}`;
}

/** A circle with the person's initials, in a colour chosen by their id. */
export function avatar(id, name) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "");
  const props = { "aria-hidden": "true", "data-hue": id.charCodeAt(id.length - 1) % HUES };
  return el("span.avatar", props, initials.join("").toUpperCase());
}
