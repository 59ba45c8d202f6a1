/** One chatbot: all that an admin sets, and what is wrong with it said where it stands. */

import { ask, button, el, tell } from "./console.element.js";
import { chatbotFields, Documents, Unfit } from "./console.field.js";
import { kindly } from "./console.words.js";

const EMPTY = {
  name: "",
  model: "",
  instructions: "",
  greeting: "",
  tools: [],
  documents: [],
  memory: "conversation",
  public: false,
  origins: [],
};

export class ChatbotView {
  node = el("section.chatbot", { "aria-label": "Chatbot" });
  #desk;
  #id;
  #before = EMPTY;
  #fields;
  #documents = new Documents(() => this.#changed());
  #problem = el("p.problem", { role: "alert" });
  #save = el("button.primary", { disabled: true }, "Save");
  #title = el("h2", { tabindex: "-1" });

  /** `id` of none: one is about to be made. `tryIt` is a pane beside it. */
  constructor(desk, id, { saved, removed, tryIt }) {
    this.#desk = desk;
    this.#id = id;
    this.saved = saved;
    this.removed = removed;
    this.tryIt = tryIt;
    this.#fields = Object.fromEntries(chatbotFields().map((field) => [field.name, field]));
    this.#open();
  }

  get isChanged() {
    return (
      this.#desk.isAdmin &&
      (this.#documents.isChanged || Object.keys(this.#fields).some((name) => this.#text(name) !== this.#fields[name].value))
    );
  }

  async #open() {
    if (this.#id) {
      this.node.replaceChildren(el("p.empty", { role: "status" }, "Reading the chatbot…"));
      try {
        this.#before = await this.#desk.board.request("GET", `/chatbots/${encodeURIComponent(this.#id)}`);
      } catch (error) {
        const again = button("Try again", () => this.#open(), { class: "primary" });
        this.node.replaceChildren(
          el(
            "div.empty",
            { role: "alert" },
            el("h2", null, "This chatbot could not be read"),
            el("p", null, kindly(error)),
            again,
          ),
        );
        return;
      }
    }
    this.#fill();
    this.#draw();
  }

  #fill() {
    for (const [name, field] of Object.entries(this.#fields)) field.value = this.#text(name);
    this.#documents.value = this.#before.documents ?? [];
    this.#title.textContent = this.#before.name || "A new chatbot";
    this.#save.disabled = true;
  }

  /** A field as it was, the way it stands in its input. */
  #text(name) {
    const before = this.#before;
    switch (name) {
      case "tools":
        return before.tools.length ? JSON.stringify(before.tools, null, 2) : "";
      case "origins":
        return (before.origins ?? []).join("\n");
      case "public":
        return Boolean(before.public);
      case "webhook.url":
        return before.webhook?.url ?? "";
      case "webhook.secret":
        return "";
      default:
        return String(before[name] ?? "");
    }
  }

  #draw() {
    const fields = this.#fields;
    const group = (legend, ...nodes) => el("fieldset", null, el("legend", null, legend), nodes);
    const { isAdmin } = this.#desk;
    const submit = (event) => {
      event.preventDefault();
      this.#store();
    };
    const form = el(
      "form.stack",
      { novalidate: true, onsubmit: submit, oninput: () => this.#changed() },
      group("Who it is", fields.name.node, fields.greeting.node, fields.instructions.node),
      group(
        "How it thinks",
        fields.model.node,
        el("div.columns", null, fields.temperature.node, fields.max_output_tokens.node),
        fields.memory.node,
      ),
      this.#documents.node,
      group("What it can do", fields.tools.node, fields["webhook.url"].node, fields["webhook.secret"].node),
      group("Who may talk to it", fields.public.node, fields.origins.node),
      this.#problem,
      isAdmin &&
        el(
          "div.row.bar",
          null,
          this.#save,
          el("span.grow"),
          this.#id && button("Delete", () => this.#remove(), { class: "quiet bad" }),
        ),
    );
    if (!isAdmin) for (const set of form.querySelectorAll("fieldset")) set.disabled = true;
    const head = el(
      "header.who",
      null,
      el("a.back", { href: "#chatbots" }, "Back"),
      el("div.grow", null, this.#title, !isAdmin && el("p.muted", null, "Only an admin may change chatbots.")),
    );
    // Where nothing in it can have the focus, the keyboard scrolls the whole of it.
    const box = isAdmin ? null : { tabindex: "0", role: "region", "aria-label": "What it is made of" };
    this.node.replaceChildren(head, el("div.scroll", box, form));
    this.#title.focus({ preventScroll: true });
  }

  #changed() {
    this.#save.disabled = !this.isChanged;
  }

  /** What differs from before, as the server wants it. */
  #changes() {
    const changed = (name) => this.#fields[name].value !== this.#text(name);
    const value = (name) => this.#fields[name].value;
    const body = {};
    for (const name of ["name", "model", "instructions", "greeting", "memory", "public"])
      if (changed(name)) body[name] = value(name);
    for (const name of ["temperature", "max_output_tokens"])
      if (changed(name)) body[name] = value(name) === "" ? null : Number(value(name));
    if (changed("tools")) body.tools = this.#tools();
    if (changed("origins")) body.origins = value("origins").split(/\s+/).filter(Boolean);
    if (this.#documents.isChanged) body.documents = this.#documents.value;
    const [url, secret] = [value("webhook.url").trim(), value("webhook.secret")];
    if (url && (changed("webhook.url") || secret)) {
      if (!secret) throw new Unfit("webhook.secret", "A webhook that changes needs its secret again.");
      body.webhook = { url, secret };
    } else if (changed("webhook.url")) body.webhook = null;
    if (!this.#id) for (const name of ["name", "model"]) body[name] ??= "";
    return body;
  }

  #tools() {
    const text = this.#fields.tools.value.trim();
    if (!text) return [];
    let tools;
    try {
      tools = JSON.parse(text);
    } catch (error) {
      throw new Unfit("tools", `This is not JSON: ${error.message}`);
    }
    if (!Array.isArray(tools)) throw new Unfit("tools", "This should be a list: [{…}]");
    return tools;
  }

  async #store() {
    this.#quiet();
    this.#save.disabled = true;
    try {
      const path = this.#id ? `/chatbots/${encodeURIComponent(this.#id)}` : "/chatbots";
      this.#before = await this.#desk.board.request(this.#id ? "PATCH" : "POST", path, this.#changes());
      const isNew = !this.#id;
      this.#id = this.#before.id;
      this.#fill();
      if (isNew) this.#draw();
      tell("Saved.");
      this.saved(this.#before, isNew);
    } catch (error) {
      this.#save.disabled = false;
      this.#complain(error);
    }
  }

  #quiet() {
    this.#problem.textContent = "";
    this.#documents.quiet();
    for (const field of Object.values(this.#fields)) field.complain("");
  }

  /** `tools[0].name` is said of the tools, `webhook` of its address; what no field is to blame for, at the end. */
  #complain(error) {
    const { field: name = "" } = error;
    const field =
      this.#fields[name] ??
      this.#fields[name.split(/[.[]/)[0]] ??
      (name.startsWith("webhook") && this.#fields["webhook.url"]);
    if (field) {
      const isItself = field.name === name;
      field.complain(error.reason ? `${isItself ? "It" : name} ${error.reason}.` : kindly(error));
      field.input.focus();
    } else if (name.startsWith("documents"))
      this.#documents.complain(name, error.reason ? `It ${error.reason}.` : kindly(error)).focus();
    else this.#problem.textContent = kindly(error);
  }

  async #remove() {
    const text = "It cannot be undone. Conversations that it holds go to people at their next turn.";
    if (!(await ask({ title: `Delete ${this.#before.name}?`, text, yes: "Delete it", danger: true }))) return;
    try {
      await this.#desk.board.request("DELETE", `/chatbots/${encodeURIComponent(this.#id)}`);
      this.#before = EMPTY;
      this.#fill();
      this.removed();
    } catch (error) {
      this.#problem.textContent = kindly(error);
    }
  }
}
