/** A thread's line: its owner, changes of owner as text, and the bar that offers to claim, release or end it. */

import { button, el } from "./console.element.js";
import { openDialog } from "./console.notice.js";
import { nameOf } from "./console.people.js";
import { waitsSince } from "./console.threads.js";
import { elapsed, formatDateTime, formatTime } from "./console.time.js";

const MAX_NOTE_CHARACTERS = "32000";

const RELEASE_DIALOGS = {
  bot: {
    title: "Return this conversation to the bot?",
    text: "The bot answers from here on. It knows what was said so far.",
    confirm: "Return to the bot",
  },
  queue: {
    title: "Transfer to another agent?",
    text: "The customer waits in the queue until an agent claims the conversation.",
    confirm: "Return to the queue",
  },
};

export class LineBar {
  node = el("div.line");
  #workspace;
  #onClaimed;
  #thread;
  #fingerprint = "";

  constructor(workspace, onClaimed) {
    this.#workspace = workspace;
    this.#onClaimed = onClaimed;
  }

  show(thread) {
    this.#thread = thread;
    const owner = ownerOf(thread, this.#workspace.me.sub);
    const fingerprint = JSON.stringify([thread.status, thread.status_since, thread.waiting_since, owner]);
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.node.dataset.owner = owner.kind;
    const hadFocus = this.node.contains(document.activeElement);
    const holder = el("div.holder", el("span.lamp"), el("div", this.#holderText(owner)));
    this.node.replaceChildren(holder, this.#buttons());
    // The focused button is gone, and the one in its place does something else.
    if (hadFocus) this.node.closest(".thread").querySelector("h2").focus();
  }

  async claim() {
    const { id, agent } = this.#thread;
    const { claim, takeOver } = this.#allowed;
    if (!claim && !takeOver) return;
    if (takeOver && !(await confirmTakeOver(nameOf(agent)))) return;
    if (await this.#workspace.act(id, "claim")) this.#onClaimed();
  }

  /** Returns the line `to` the `bot` or the `queue`, with a note for agents if one is written. */
  async release(to) {
    if (!this.#allowed[to === "bot" ? "toBot" : "toQueue"]) return;
    const label = el("label", { for: "release-note" }, "Note for other agents (optional)");
    const props = { id: "release-note", name: "note", rows: "3", dir: "auto", maxlength: MAX_NOTE_CHARACTERS };
    const data = await openDialog({ ...RELEASE_DIALOGS[to], fields: [label, el("textarea", props)] });
    if (!data) return;
    const note = data.get("note").trim();
    await this.#workspace.act(this.#thread.id, "release", note ? { to, note } : { to });
  }

  async end() {
    if (!this.#allowed.end) return;
    const { id, status, agent } = this.#thread;
    const isOthers = status === "agent" && agent.id !== this.#workspace.me.sub;
    const holder = isOthers ? `${nameOf(agent)} holds the line. ` : "";
    const text = `${holder}Nobody can write to it any more. It stays readable.`;
    const dialog = { title: "End this conversation?", text, confirm: "End conversation", danger: true };
    if (await openDialog(dialog)) await this.#workspace.act(id, "end");
  }

  /** The actions that the agent's role and the thread's status allow. */
  get #allowed() {
    const { status, agent } = this.#thread;
    const { isAdmin, me } = this.#workspace;
    const isMine = status === "agent" && agent.id === me.sub;
    return {
      claim: status === "bot" || status === "queued",
      takeOver: status === "agent" && !isMine && isAdmin,
      toBot: isMine || (isAdmin && (status === "agent" || status === "queued")),
      toQueue: isMine || (isAdmin && status === "agent"),
      end: status !== "ended",
    };
  }

  #buttons() {
    const { claim, takeOver, toBot, toQueue, end } = this.#allowed;
    const action = (key, label, onclick, props) => button(label, onclick, { "aria-keyshortcuts": key, ...props });
    return el(
      "div.row.actions",
      claim && action("c", "Claim", () => this.claim(), { class: "primary" }),
      takeOver && action("c", "Take over", () => this.claim()),
      toBot && action("b", "To the bot", () => this.release("bot"), { icon: "bot" }),
      toQueue && action("t", "Transfer", () => this.release("queue")),
      end && action("e", "End", () => this.end(), { class: "quiet" }),
    );
  }

  #holderText(owner) {
    const { status, status_since: at, ended_by: by } = this.#thread;
    const endedBy = by?.id === this.#workspace.me.sub ? "you" : by ? nameOf(by) : "somebody";
    const [holder, detail] = {
      bot: ["The bot holds the line", `since ${formatTime(at)}`],
      queued: [["Waiting ", elapsed(waitsSince(this.#thread))], reasonText(this.#thread)],
      agent: [[el("bdi", owner.name), ` hold${owner.kind === "mine" ? "" : "s"} the line`], `since ${formatTime(at)}`],
      ended: ["Ended", `by ${endedBy}, ${formatDateTime(at)}`],
    }[status];
    return [el("strong", holder), el("small", detail)];
  }
}

function confirmTakeOver(name) {
  return openDialog({
    title: `Take over from ${name}?`,
    text: `${name} holds the line now and will see that you took over.`,
    confirm: "Take over",
  });
}

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

/** One sentence about a change of owner, from the owner `before` if that is known. */
export function describeChange({ event, author }, me, before) {
  const name = author.id === me ? "You" : nameOf(author);
  switch (event.type) {
    case "escalated":
      return describeEscalation(event.reason, name);
    case "claimed":
      return `${personAsOwner(event.agent, me).name} ${isPerson(before) ? "took over" : "claimed"} the conversation`;
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

const isPerson = (owner) => ["mine", "others"].includes(owner?.kind);

function describeEscalation(reason, name) {
  const sentences = {
    asked: `${name} asked for a person`,
    bot: "The bot asked for a person",
    failure: "The bot could not answer",
    budget: "A limit of the bot is used up",
  };
  return sentences[reason] ?? "Returned to the queue";
}
