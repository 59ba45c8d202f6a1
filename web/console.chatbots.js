/** All chatbots, and the one that is looked at. */

import { ChatbotView } from "./console.chatbot.js";
import { ask, button, el } from "./console.element.js";
import { TryIt } from "./console.tryit.js";
import { kindly } from "./console.words.js";

export const NEW = "chatbots/new";

export class Chatbots {
  /** Beside each other: the list, the form, a conversation to try it. */
  list = el("section.list", { "aria-labelledby": "chatbots" });
  detail = el("div.detail");
  #desk;
  #rows = el("ul.rows");
  #shown = "";
  #view;
  #tryIt;

  constructor(desk) {
    this.#desk = desk;
    const add = desk.isAdmin && el("a.button.primary", { href: `#${NEW}` }, "New");
    this.list.append(
      el("header", null, el("h1.grow", { id: "chatbots" }, "Chatbots"), add),
      el("div.scroll", null, this.#rows),
    );
  }

  /** @param id of one, `chatbots/new`, or nothing */
  async show(id) {
    if (id && id === this.#shown) return;
    this.close();
    this.#shown = id;
    this.#draw();
    this.detail.replaceChildren(
      id
        ? this.#open(id)
        : el("div.empty", null, el("h2", null, "Chatbots"), el("p", null, "Choose one to see what it says and knows.")),
    );
    try {
      await this.#desk.readChatbots();
      this.#draw();
    } catch (error) {
      const again = button("Try again", () => this.show(this.#shown), { class: "primary" });
      this.#rows.replaceChildren(el("li.empty", { role: "alert" }, el("p", null, kindly(error)), again));
    }
  }

  /** Whether one may go elsewhere: what is changed and not saved would be lost. */
  async mayLeave() {
    if (!this.#view?.isChanged) return true;
    return Boolean(
      await ask({ title: "Leave without saving?", text: "What you changed would be lost.", yes: "Leave", danger: true }),
    );
  }

  close() {
    this.#tryIt?.close();
    this.#view = this.#tryIt = undefined;
    this.#shown = "";
  }

  #open(id) {
    const isNew = id === NEW;
    this.#view = new ChatbotView(this.#desk, isNew ? "" : id, {
      saved: async (chatbot, wasNew) => {
        this.#desk.chatbots.set(chatbot.id, chatbot);
        if (wasNew) {
          this.#shown = chatbot.id;
          location.replace(`#${chatbot.id}`);
          this.#try(chatbot.id);
        }
        this.#draw();
      },
      removed: () => {
        this.#desk.chatbots.delete(id);
        location.hash = "chatbots";
      },
    });
    if (!isNew) queueMicrotask(() => this.#try(id));
    return this.#view.node;
  }

  #try(id) {
    this.#tryIt?.close();
    this.#tryIt = new TryIt(this.#desk, { id });
    this.detail.append(this.#tryIt.node);
  }

  #draw() {
    const row = ({ id, name, model, documents }) =>
      el(
        "li",
        null,
        el(
          "a.row-link",
          { href: `#${id}`, "aria-current": id === this.#shown && "true" },
          el(
            "span.grow",
            null,
            el("b.clip1", { dir: "auto" }, name),
            el(
              "span.row.muted",
              null,
              el("span.grow.clip1", null, model),
              documents?.length > 0 &&
                el("span", null, `${documents.length} ${documents.length > 1 ? "documents" : "document"}`),
            ),
          ),
        ),
      );
    const all = [...this.#desk.chatbots.values()];
    this.#rows.replaceChildren(
      ...(all.length ? all.map(row) : [el("li.empty", null, el("p", null, "There is no chatbot yet."))]),
    );
  }
}
