/** The reply field: replies and notes, their drafts, the bot's withdrawn answer. */

import { CannedReplies, editCannedReplies } from "./console.canned.js";
import { button, el } from "./console.element.js";
import { customerName, nameOf } from "./console.people.js";
import { hasKeys } from "./console.shortcuts.js";

const MAX_CHARACTERS = 32_000;

export class Reply {
  #workspace;
  #log;
  #onsend;
  #thread;
  #storageKey;
  #isNote = false;
  #problem = "";
  #botDraft = el("div.bot-draft", { hidden: true });
  #text = el("textarea", { rows: "1", dir: "auto", name: "text", "aria-describedby": "reply-hint" });
  #hint = el("p.hint", { id: "reply-hint" });
  #send = el("button.primary");
  #kinds = {
    reply: button("Reply", () => this.write(false)),
    note: button("Note", () => this.write(true), { icon: "note" }),
  };
  #cannedReplies = new CannedReplies(this.#text, () => customerName(this.#thread));
  #closing = new AbortController();

  /** `onsend` is called when a message goes out. */
  constructor(workspace, log, onsend) {
    this.#workspace = workspace;
    this.#log = log;
    this.#onsend = onsend;
    this.#storageKey = `switchboard.draft.${workspace.me.tenant}.${workspace.me.sub}.${log.id}`;
    this.node = this.#form();
    this.#restore();
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#keydown(event));
    const edit = ({ detail }) => detail.thread === log.id && this.#insert(detail.text, detail.internal);
    workspace.outbox.addEventListener("edit", edit, { signal: this.#closing.signal });
  }

  #form() {
    const onsubmit = (event) => (event.preventDefault(), this.#submit());
    return el(
      "form.reply",
      { onsubmit, "aria-label": "Your reply" },
      this.#botDraft,
      el(
        "div.row",
        el("div.kinds", { role: "group", "aria-label": "Reply or note" }, Object.values(this.#kinds)),
        button("Canned replies", editCannedReplies, { class: "quiet" }),
      ),
      el("div.field", this.#cannedReplies.node, this.#text),
      el("div.row", this.#hint, this.#send),
    );
  }

  show(thread) {
    this.#thread = thread;
    this.node.hidden = thread.status === "ended";
    const isOthers = thread.status === "agent" && thread.agent.id !== this.#workspace.me.sub;
    const isMine = thread.status === "agent" && !isOthers;
    // It stays a note if the colleague leaves: a note must never go to the customer because of that.
    if (isOthers) this.#isNote = true;
    const isNote = this.#isNote;
    const isClaiming = !isMine && !isNote;
    this.#kinds.reply.disabled = isOthers;
    this.#kinds.reply.ariaPressed = !isNote;
    this.#kinds.note.ariaPressed = isNote;
    this.node.dataset.kind = isNote ? "note" : "reply";
    const customer = customerName(thread);
    this.#text.ariaLabel = isNote ? "Note for agents" : `Reply to ${customer}`;
    this.#text.placeholder = isNote ? "Only agents see this…" : `Write to ${customer}…  (type / for canned replies)`;
    this.#send.textContent = isNote ? "Add note" : isClaiming ? "Claim and send" : "Send";
    this.#hint.textContent = this.#problem || hintFor(thread, { isOthers, isClaiming });
    this.#offerBotDraft(isMine);
  }

  /** Focuses the field for a note or a reply. */
  write(isNote) {
    if (!this.#thread || this.node.hidden) return;
    this.#isNote = isNote;
    this.show(this.#thread);
    this.#store();
    this.#text.focus();
  }

  close() {
    this.#closing.abort();
    this.#log.feed?.typing(false);
  }

  #keydown(event) {
    if (event.isComposing) return;
    const isSending = event.key === "Enter" && !event.shiftKey && !matchMedia("(pointer: coarse)").matches;
    if (this.#cannedReplies.handleKey(event)) event.preventDefault();
    else if (isSending) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape") this.#text.blur();
  }

  #changed() {
    this.#cannedReplies.suggest();
    this.#store();
    this.#problem = "";
    const { status, agent } = this.#thread;
    const isToCustomer = status === "agent" && agent.id === this.#workspace.me.sub && !this.#isNote;
    if (isToCustomer) this.#log.feed?.typing(this.#text.value !== "");
  }

  #store() {
    const text = this.#text.value;
    if (text) sessionStorage.setItem(this.#storageKey, JSON.stringify({ text, internal: this.#isNote }));
    else sessionStorage.removeItem(this.#storageKey);
  }

  #restore() {
    const { text = "", internal } = JSON.parse(sessionStorage.getItem(this.#storageKey) ?? "{}");
    this.#text.value = text;
    this.#isNote = Boolean(internal);
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text) return;
    // The limit counts code points; only a text that has more UTF-16 units than that can exceed it.
    const length = text.length > MAX_CHARACTERS ? [...text].length : 0;
    if (length > MAX_CHARACTERS) {
      const excess = (length - MAX_CHARACTERS).toLocaleString();
      this.#problem = `This is ${excess} characters too long; the limit is ${MAX_CHARACTERS.toLocaleString()}.`;
      this.show(this.#thread);
      return;
    }
    this.#text.value = "";
    this.#store();
    if (!this.#isNote) this.#log.draft = "";
    this.#workspace.outbox.send(this.#log.id, text, this.#isNote);
    this.#onsend();
  }

  /** Puts a text after the one in the field. */
  #insert(text, isNote) {
    this.#text.value = [this.#text.value, text].filter(Boolean).join("\n\n");
    this.#isNote = isNote;
    if (this.#thread) this.show(this.#thread);
    this.#store();
    this.#text.focus();
  }

  #offerBotDraft(isMine) {
    const { draft } = this.#log;
    const box = this.#botDraft;
    box.hidden = !isMine || !draft;
    if (box.hidden || box.dataset.draft === draft) return;
    box.dataset.draft = draft;
    const discard = () => {
      this.#log.draft = "";
      box.hidden = true;
      this.#text.focus();
    };
    const use = () => {
      this.#insert(draft, false);
      discard();
    };
    box.replaceChildren(
      el("div", el("b", "The bot’s unfinished answer: "), el("q.clamp", { dir: "auto" }, draft)),
      el(
        "div.row",
        button("Use this draft", use, { class: "primary" }),
        button("Discard", discard, { class: "quiet" }),
      ),
    );
  }
}

function hintFor({ status, agent }, { isOthers, isClaiming }) {
  if (isOthers) return `${nameOf(agent)} holds the line. You can add a note.`;
  if (isClaiming && status === "bot") return "The bot holds the line. Sending claims the conversation.";
  if (isClaiming) return "Sending claims the conversation from the queue.";
  return hasKeys() ? "Enter sends, Shift+Enter starts a new line." : "";
}
