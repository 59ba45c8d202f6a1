/** The chatbot editor: the list of chatbots, and beside it one chatbot's form and preview. Loaded on demand. */

import { ChatbotForm } from "./console.chatbot.js";
import { el } from "./console.element.js";
import { emptyView, errorView, openDialog } from "./console.notice.js";
import { Preview } from "./console.preview.js";

/** The address of the form for a new chatbot. */
const NEW = "chatbots/new";

export class Chatbots {
  list = el("section.list", { "aria-labelledby": "chatbots" });
  detail = el("div.detail");
  #workspace;
  #rows = el("ul.rows");
  /** The id that is shown, `NEW`, or "". */
  #shown = "";
  #form;
  #preview;

  constructor(workspace) {
    this.#workspace = workspace;
    const add = workspace.isAdmin && el("a.button.primary", { href: `#${NEW}` }, "New");
    this.list.append(el("header", el("h1.grow", { id: "chatbots" }, "Chatbots"), add), el("div.scroll", this.#rows));
  }

  show(id) {
    if (id && id === this.#shown) return;
    this.close();
    this.#shown = id;
    this.#draw();
    this.detail.replaceChildren(id ? this.#open(id) : emptyView("Chatbots", "Choose a chatbot to see its settings."));
    this.#load();
  }

  /** Resolves to whether the form may be left; if it has unsaved changes, the admin is asked. */
  async mayLeave() {
    if (!this.#form?.isChanged) return true;
    const text = "Your changes will be lost.";
    return openDialog({ title: "Leave without saving?", text, confirm: "Leave", danger: true });
  }

  close() {
    this.#preview?.close();
    this.#form = this.#preview = undefined;
    this.#shown = "";
  }

  async #load() {
    try {
      await this.#workspace.loadChatbots();
      this.#draw();
    } catch (error) {
      this.#rows.replaceChildren(el("li", errorView("", error, () => this.#load())));
    }
  }

  #open(id) {
    const isNew = id === NEW;
    this.#form = new ChatbotForm(this.#workspace, isNew ? "" : id, {
      onSaved: (chatbot, wasNew) => this.#saved(chatbot, wasNew),
      onDeleted: () => this.#deleted(id),
    });
    if (!isNew) queueMicrotask(() => this.#openPreview(id));
    return this.#form.node;
  }

  #saved(chatbot, wasNew) {
    this.#workspace.chatbots.set(chatbot.id, chatbot);
    if (wasNew) {
      this.#shown = chatbot.id;
      location.replace(`#${chatbot.id}`);
      this.#openPreview(chatbot.id);
    }
    this.#draw();
  }

  #deleted(id) {
    this.#workspace.chatbots.delete(id);
    location.hash = "chatbots";
  }

  #openPreview(id) {
    this.#preview?.close();
    this.#preview = new Preview(this.#workspace, id);
    this.detail.append(this.#preview.node);
  }

  #draw() {
    const chatbots = [...this.#workspace.chatbots.values()];
    const rows = chatbots.map((chatbot) => row(chatbot, chatbot.id === this.#shown));
    this.#rows.replaceChildren(...(rows.length ? rows : [el("li", emptyView("", "There are no chatbots yet."))]));
  }
}

function row({ id, name, model, documents = [], warnings = [] }, isCurrent) {
  const { length } = documents;
  const count = length > 0 && el("span", `${length} document${length > 1 ? "s" : ""}`);
  const about = el("span.row.muted", el("span.grow.ellipsis", model), count);
  const isWarned = warnings.length > 0;
  const mark = isWarned && el("span.bad", "⚠", el("span.visually-hidden", " It has warnings"));
  const text = el("span.grow", el("span.row", el("b.grow.ellipsis", { dir: "auto" }, name), mark), about);
  return el("li", el("a.row-link", { href: `#${id}`, "aria-current": isCurrent && "true" }, text));
}
