/** Where an agent writes: to the customer, or a note to colleagues. */

import { Canned, editCanned } from "./console.canned.js";
import { button, el } from "./console.element.js";
import { customerOf, nameOf } from "./console.words.js";

const LONGEST = 32_000;

export class Reply {
  #desk;
  #log;
  #id;
  #thread;
  #place;
  #internal = false;
  /** What is wrong with what is written. */
  #problem = "";
  #offer = el("div.offer", { hidden: true });
  #text = el("textarea", { rows: "1", dir: "auto", name: "text", "aria-describedby": "reply-hint" });
  #hint = el("p.hint", { id: "reply-hint" });
  #send = el("button.primary");
  #kinds = {
    reply: button("Reply", () => this.write(false)),
    note: button("Note", () => this.write(true), { icon: "note" }),
  };

  constructor(desk, log) {
    this.#desk = desk;
    this.#log = log;
    this.#id = log.id;
    this.#place = `switchboard.draft.${desk.me.tenant}.${desk.me.sub}.${log.id}`;
    const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? "{}");
    this.#text.value = kept.text ?? "";
    this.#internal = Boolean(kept.internal);
    this.canned = new Canned(this.#text, () => customerOf(this.#thread));
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    const submit = (event) => {
      event.preventDefault();
      this.#say();
    };
    this.node = el(
      "form.reply",
      { onsubmit: submit, "aria-label": "Your reply" },
      this.#offer,
      el(
        "div.row",
        null,
        el("div.kinds", { role: "group", "aria-label": "Who it is for" }, Object.values(this.#kinds)),
        button("Canned replies", editCanned, { class: "quiet" }),
      ),
      el("div.field", null, this.canned.node, this.#text),
      el("div.row", null, this.#hint, this.#send),
    );
    this.outboxBack = ({ detail }) => detail.thread === this.#id && this.#put(detail.text, detail.internal);
    desk.outbox.addEventListener("back", this.outboxBack);
  }

  /** To whoever holds the line now it looks different. */
  show(thread) {
    this.#thread = thread;
    this.node.hidden = thread.status === "ended";
    const { me } = this.#desk;
    const isOthers = thread.status === "agent" && thread.agent.id !== me.sub;
    const isMine = thread.status === "agent" && !isOthers;
    // And so it stays until the agent says otherwise: no note is to go to the customer because a colleague left.
    if (isOthers) this.#internal = true;
    this.#kinds.reply.disabled = isOthers;
    this.#kinds.reply.setAttribute("aria-pressed", String(!this.#internal));
    this.#kinds.note.setAttribute("aria-pressed", String(this.#internal));
    this.node.dataset.kind = this.#internal ? "note" : "reply";
    const customer = customerOf(thread);
    this.#text.setAttribute("aria-label", this.#internal ? "A note for agents" : `Reply to ${customer}`);
    this.#text.placeholder = this.#internal ? "Only agents see this…" : `Write to ${customer}…  ( / for canned replies )`;
    const claims = !isMine && !this.#internal;
    this.#send.textContent = this.#internal ? "Add note" : claims ? "Claim and send" : "Send";
    this.#hint.textContent = this.#problem || this.#hintFor(thread, isOthers, claims);
    this.#offerDraft(isMine);
  }

  #hintFor(thread, isOthers, claims) {
    if (isOthers) return `${nameOf(thread.agent)} holds the line; you can leave a note.`;
    if (claims && thread.status === "bot") return "The bot holds the line: sending takes it over.";
    if (claims) return "Sending claims this from the queue.";
    return "Enter sends, Shift+Enter breaks the line.";
  }

  /** To the customer, or as a note. */
  write(internal) {
    if (!this.#thread || this.node.hidden) return;
    this.#internal = internal;
    this.show(this.#thread);
    this.#save();
    this.#text.focus();
  }

  close() {
    this.#desk.outbox.removeEventListener("back", this.outboxBack);
    this.#log.feed?.typing(false);
  }

  #key(event) {
    if (event.isComposing) return;
    const isSending = event.key === "Enter" && !event.shiftKey && !matchMedia("(pointer: coarse)").matches;
    if (this.canned.takes(event)) event.preventDefault();
    else if (isSending) {
      event.preventDefault();
      this.#say();
    } else if (event.key === "Escape") this.#text.blur();
  }

  #changed() {
    this.canned.offer();
    this.#save();
    this.#problem = "";
    const { status, agent } = this.#thread;
    const isHeard = status === "agent" && agent.id === this.#desk.me.sub && !this.#internal;
    if (isHeard) this.#log.feed?.typing(this.#text.value !== "");
  }

  #save() {
    const text = this.#text.value;
    if (text) sessionStorage.setItem(this.#place, JSON.stringify({ text, internal: this.#internal }));
    else sessionStorage.removeItem(this.#place);
  }

  #say() {
    const text = this.#text.value.trim();
    if (!text) return;
    const length = text.length > LONGEST ? [...text].length : 0;
    if (length > LONGEST) {
      this.#problem = `That is ${(length - LONGEST).toLocaleString()} characters too long.`;
      this.show(this.#thread);
      return;
    }
    this.#text.value = "";
    this.#save();
    if (!this.#internal) this.#log.draft = "";
    this.#desk.outbox.send(this.#id, text, this.#internal);
  }

  #put(text, internal = this.#internal) {
    this.#text.value = [this.#text.value, text].filter(Boolean).join("\n\n");
    this.#internal = internal;
    if (this.#thread) this.show(this.#thread);
    this.#save();
    this.#text.focus();
  }

  /** The bot was in mid-answer when the line was taken: its words need not be lost. */
  #offerDraft(isMine) {
    const { draft } = this.#log;
    this.#offer.hidden = !isMine || !draft;
    if (this.#offer.hidden || this.#offer.dataset.draft === draft) return;
    this.#offer.dataset.draft = draft;
    const done = () => {
      this.#log.draft = "";
      this.#offer.hidden = true;
      this.#text.focus();
    };
    const take = () => {
      this.#put(draft, false);
      done();
    };
    this.#offer.replaceChildren(
      el("div", null, el("b", null, "The bot was saying: "), el("q.clip", { dir: "auto" }, draft)),
      el(
        "div.row",
        null,
        button("Take over what the bot was saying", take, { class: "primary" }),
        button("Never mind", done, { class: "quiet" }),
      ),
    );
  }
}
