/** Names and avatars of customers, agents and bots. */

import { el } from "./console.element.js";

const MAX_NAME_CHARACTERS = 80;

/** Number of avatar hues; `console.css` defines them. */
const HUES = 6;

/** Names by person id, from tokens: they come with threads, messages and presence. */
const names = new Map();

/** Names by customer id that only a thread's metadata has: what customers, or the page around the widget, say. */
const selfGivenNames = new Map();

/** Remembers the name in a person's token. */
export function rememberName({ id, name }) {
  if (name) names.set(id, name);
}

/** Remembers a thread's customer. */
export function rememberCustomer({ customer_id: id, customer_name: name, metadata }) {
  rememberName({ id, name });
  if (metadata?.name) selfGivenNames.set(id, metadata.name);
}

export function nameOf({ id, name }) {
  const selfGiven = selfGivenNames.get(id);
  return name || names.get(id) || (selfGiven && `${selfGiven} (self-given)`) || idName(id);
}

/** The name of a thread's customer: the one in their token, or else the one that they say. */
export function customerName({ customer_id: id, customer_name: name, metadata }) {
  return (name || names.get(id) || metadata?.name || idName(id)).slice(0, MAX_NAME_CHARACTERS);
}

/** Whether the token vouches for that name, or only the customer; empty where it is their id. */
export function nameMark({ customer_id: id, customer_name: name, metadata }) {
  if (name || names.has(id)) return "verified";
  return metadata?.name ? "self-given" : "";
}

function idName(id) {
  return id.startsWith("vis_") ? `Visitor ${id.slice(-4)}` : id;
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
