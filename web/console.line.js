/** Who holds a thread's line, big and clear, and what can be done about it. */

import { ask, button, el } from "./console.element.js";
import { holderOf } from "./console.rows.js";
import { clock, nameOf, since, whole } from "./console.words.js";

const REASONS = {
  asked: "asked for a person",
  bot: "the bot asked for a person",
  failure: "the bot could not answer",
  released: "given back by an agent",
  absent: "the agent was away",
};

/** Why somebody waits. */
export const reasonOf = ({ reason }) => REASONS[reason] ?? "";

export class Line {
  node = el("div.line");
  #desk;
  #thread;
  #shown = "";

  /** `claimed()` is told when the agent has taken the line. */
  constructor(desk, claimed) {
    this.#desk = desk;
    this.claimed = claimed;
  }

  /** What this agent may do with the thread as it stands. */
  get can() {
    const { status, agent } = this.#thread;
    const { isAdmin, me } = this.#desk;
    const isMine = status === "agent" && agent.id === me.sub;
    return {
      claim: status === "bot" || status === "queued",
      takeOver: status === "agent" && !isMine && isAdmin,
      toBot: isMine || (isAdmin && (status === "agent" || status === "queued")),
      toQueue: isMine || (isAdmin && status === "agent"),
      end: status !== "ended",
    };
  }

  show(thread) {
    this.#thread = thread;
    const owner = holderOf(thread, this.#desk.me.sub);
    const look = JSON.stringify([thread.status, thread.status_since, owner]);
    if (look === this.#shown) return;
    this.#shown = look;
    this.node.dataset.owner = owner.kind;
    const { can } = this;
    const focused = this.node.contains(document.activeElement);
    this.node.replaceChildren(
      el("div.holder", null, el("span.lamp"), el("div", null, this.#words(owner))),
      el(
        "div.row.actions",
        null,
        can.claim && button("Claim", () => this.claim(), { class: "primary", "aria-keyshortcuts": "c" }),
        can.takeOver && button("Take over", () => this.claim(), { "aria-keyshortcuts": "c" }),
        can.toBot && button("To the bot", () => this.release("bot"), { icon: "bot", "aria-keyshortcuts": "b" }),
        can.toQueue && button("Transfer", () => this.release("queue"), { "aria-keyshortcuts": "t" }),
        can.end && button("End", () => this.end(), { class: "quiet", "aria-keyshortcuts": "e" }),
      ),
    );
    // What had the focus is gone, and what took its place does something else.
    if (focused) this.node.closest(".thread").querySelector("h2").focus();
  }

  async claim() {
    const { id, agent } = this.#thread;
    const { can } = this;
    if (!can.claim && !can.takeOver) return;
    if (can.takeOver) {
      const name = nameOf(agent);
      const text = `${name} is in the middle of it, and will be told that you took the line.`;
      if (!(await ask({ title: `Take the line from ${name}?`, text, yes: "Take over" }))) return;
    }
    if (await this.#desk.act(id, "claim")) this.claimed();
  }

  /** @param {"bot" | "queue"} to */
  async release(to) {
    if (!this.can[to === "bot" ? "toBot" : "toQueue"]) return;
    const label = el("label", { for: "leave" }, "A note for whoever comes next (optional)");
    const note = el("textarea", { id: "leave", name: "note", rows: "3", dir: "auto", maxlength: "32000" });
    const [title, text, yes] =
      to === "bot"
        ? ["Give the line to the bot?", "It answers from here on, and knows what was said.", "Give it to the bot"]
        : ["Transfer to another agent?", "The customer waits in the queue until somebody claims it.", "Put into the queue"];
    const filled = await ask({ title, text, fields: [label, note], yes });
    if (!filled) return;
    const left = filled.get("note").trim();
    await this.#desk.act(this.#thread.id, "release", left ? { to, note: left } : { to });
  }

  async end() {
    if (!this.can.end) return;
    const { status, agent } = this.#thread;
    const isOthers = status === "agent" && agent.id !== this.#desk.me.sub;
    const text = `${isOthers ? `${nameOf(agent)} holds the line. ` : ""}Nobody can write in it any more; it stays readable.`;
    const yes = await ask({ title: "End this conversation?", text, yes: "End it", danger: true });
    if (yes) await this.#desk.act(this.#thread.id, "end");
  }

  #words(owner) {
    const { status, status_since: at, ended_by: by } = this.#thread;
    const { me } = this.#desk;
    const strong = (...words) => el("strong", null, words);
    switch (status) {
      case "bot":
        return [strong("The bot holds the line"), el("small", null, `since ${clock(at)}`)];
      case "queued":
        return [strong("Waiting ", since(at, "waited")), el("small", null, reasonOf(this.#thread))];
      case "agent":
        return [
          strong(el("bdi", null, owner.name), owner.kind === "mine" ? " hold the line" : " holds the line"),
          el("small", null, `since ${clock(at)}`),
        ];
      default:
        return [
          strong("Ended"),
          el("small", null, `by ${by?.id === me.sub ? "you" : by ? nameOf(by) : "somebody"}, ${whole(at)}`),
        ];
    }
  }
}
