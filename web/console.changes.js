/** The owner of a thread's line, and changes of owner as text. */

import { nameOf } from "./console.people.js";

/** An owner's `kind` chooses the colour, see `console.css`. */
const BOT = { kind: "bot", name: "Bot" };
const QUEUE = { kind: "queued", name: "Waiting" };
export const ENDED = { kind: "ended", name: "Ended" };
const UNKNOWN = { kind: "unknown", name: "" };

const REASONS = {
  asked: "asked for a person",
  bot: "the bot asked for a person",
  failure: "the bot could not answer",
  released: "returned by an agent",
  absent: "the agent did not respond",
  budget: "a limit of the bot is used up",
};

/** The reason why a thread is in the queue. */
export const reasonText = ({ reason }) => REASONS[reason] ?? "";

function personAsOwner(person, me) {
  return person.id === me ? { kind: "mine", name: "You" } : { kind: "others", name: nameOf(person) };
}

/** The thread's owner now. */
export function ownerOf(thread, me) {
  if (thread.status === "agent") return personAsOwner(thread.agent, me);
  return { bot: BOT, queued: QUEUE, ended: ENDED }[thread.status];
}

/** The owner after a change. */
export function ownerAfter({ event }, me) {
  switch (event.type) {
    case "escalated":
      return QUEUE;
    case "claimed":
      return personAsOwner(event.agent, me);
    case "released":
    case "timed_out":
      return event.to === "bot" ? BOT : QUEUE;
    default:
      return ENDED;
  }
}

/** The owner at the first message that is loaded, inferred from the messages up to the next change. */
export function firstOwner(log, me) {
  if (log.first === 1) return BOT;
  for (let seq = log.first; seq <= log.last; seq++) {
    const { role, author, event } = log.messages.get(seq);
    if (role === "bot") return BOT;
    if (role === "agent") return personAsOwner(author, me);
    if (role !== "system") continue;
    return event.type === "released" && event.to === "queue" ? personAsOwner(author, me) : UNKNOWN;
  }
  return UNKNOWN;
}

/** One sentence about a change of owner. */
export function describeChange({ event, author }, me) {
  const name = author.id === me ? "You" : nameOf(author);
  switch (event.type) {
    case "escalated":
      return describeEscalation(event.reason, name);
    case "claimed":
      return `${event.agent.id === me ? "You" : nameOf(event.agent)} claimed the conversation`;
    case "released":
      return `${name} returned the conversation to the ${event.to}`;
    case "timed_out":
      return event.to === "bot"
        ? "No agent claimed the conversation in time: returned to the bot"
        : "The agent did not respond in time: returned to the queue";
    default:
      return `${name} ended the conversation`;
  }
}

function describeEscalation(reason, name) {
  const sentences = {
    asked: `${name} asked for a person`,
    bot: "The bot asked for a person",
    failure: "The bot could not answer",
    budget: "A limit of the bot is used up",
  };
  return sentences[reason] ?? "Returned to the queue";
}
