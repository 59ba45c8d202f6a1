/** The inputs of a chatbot's form. */

import { button, el } from "./console.element.js";

/** A labelled input that can say what is wrong with it. */
export class Field {
  /** @param name as problems name it @param input made by `el` */
  constructor(name, label, input, hint) {
    this.name = name;
    this.input = input;
    this.problem = el("p.problem", { id: `${name}-problem` });
    const id = `field-${name}`;
    input.id = id;
    input.setAttribute("aria-describedby", `${name}-problem${hint ? ` ${name}-hint` : ""}`);
    input.addEventListener("input", () => this.complain(""));
    this.node = el(
      "div.field-row",
      null,
      el("label", { for: id }, label),
      input,
      hint && el("p.muted", { id: `${name}-hint` }, hint),
      this.problem,
    );
  }

  get value() {
    return this.input.type === "checkbox" ? this.input.checked : this.input.value;
  }

  set value(value) {
    if (this.input.type === "checkbox") this.input.checked = value;
    else this.input.value = value ?? "";
  }

  complain(text) {
    this.problem.textContent = text;
    this.input.toggleAttribute("aria-invalid", Boolean(text));
    if (text) this.input.setAttribute("aria-invalid", "true");
  }
}

/** What cannot be sent as it is, and the field that it stands in. */
export class Unfit extends Error {
  constructor(field, detail) {
    super(detail);
    Object.assign(this, { field, detail });
  }
}

/** All that an admin sets, documents aside. */
export function chatbotFields() {
  return [
    new Field(
      "name",
      "Name",
      el("input", { required: true, maxlength: "100", dir: "auto" }),
      "What customers see it called.",
    ),
    new Field(
      "model",
      "Model",
      el("input", { required: true, spellcheck: "false", autocomplete: "off" }),
      "As OpenAI calls it, say gpt-5-mini.",
    ),
    new Field(
      "instructions",
      "Instructions",
      area(8),
      "Who it is, what it may promise, when it should hand over to a person.",
    ),
    new Field("greeting", "Greeting", area(2), "The first message of each conversation; none where it is empty."),
    new Field("temperature", "Temperature", number({ min: "0", max: "2", step: "any" }), "0 to 2."),
    new Field("max_output_tokens", "Most output tokens", number({ min: "16", step: "1" })),
    new Field(
      "memory",
      "Memory",
      el(
        "select",
        null,
        el("option", { value: "conversation" }, "A conversation at OpenAI"),
        el("option", { value: "local" }, "None: each request carries the recent log"),
      ),
    ),
    new Field(
      "tools",
      "Tools, as JSON",
      area(6, { spellcheck: "false", class: "code", dir: "ltr" }),
      "A list of {name, description, parameters}: functions that the model may call by the webhook.",
    ),
    new Field(
      "webhook.url",
      "Webhook",
      el("input", { type: "url", placeholder: "https://…", spellcheck: "false" }),
      "Asked for the tools, and told who holds the line.",
    ),
    new Field(
      "webhook.secret",
      "Webhook secret",
      el("input", { type: "password", autocomplete: "new-password" }),
      "16 to 128 characters. It is never shown again; leave it empty to keep it.",
    ),
    new Field("public", "Anyone may talk to it, without signing in", el("input", { type: "checkbox" })),
    new Field(
      "origins",
      "Sites that may embed it, one a line",
      area(2, { spellcheck: "false", dir: "ltr", placeholder: "https://shop.example" }),
      "Empty: any site.",
    ),
  ];
}

const area = (rows, more) => el("textarea", { rows, dir: "auto", ...more });
const number = (more) => el("input", { type: "number", inputmode: "decimal", placeholder: "the model’s own", ...more });

/** What a chatbot knows: documents, each a name and a text. */
export class Documents {
  node = el("fieldset.documents");
  #list = el("div.stack");
  #before = [];
  #rows = [];
  #changed;

  constructor(changed) {
    this.#changed = changed;
    const file = el("input", {
      type: "file",
      accept: ".txt,.md,text/plain,text/markdown",
      multiple: true,
      "aria-label": "Add from files",
      class: "unseen",
      tabindex: "-1",
    });
    file.addEventListener("change", () => this.#read(file));
    this.problem = el("p.problem", { role: "alert" });
    this.node.append(
      el("legend", null, "Knowledge"),
      el("p.muted", null, "What is written here the bot can look up. Text or Markdown, up to 300,000 bytes each."),
      this.#list,
      this.problem,
      el(
        "div.row",
        null,
        button("Write one", () => this.#add({ name: "", text: "" }, true), { icon: "plus" }),
        button("Add from files…", () => file.click()),
        file,
      ),
    );
  }

  set value(documents) {
    this.#before = documents;
    this.#rows = [];
    this.#list.replaceChildren();
    for (const document of documents) this.#add(document);
  }

  get value() {
    return this.#rows.map(({ name, text }) => ({ name: name.value.trim(), text: text.value }));
  }

  get isChanged() {
    return JSON.stringify(this.value) !== JSON.stringify(this.#before.map(({ name, text }) => ({ name, text })));
  }

  /** Whether the field is one of these: `documents[1].text`. Gives what is to be looked at. */
  complain(field, text) {
    const [, place, part] = /^documents(?:\[(\d+)\]\.(\w+))?/.exec(field) ?? [];
    const row = this.#rows[place];
    if (!row) {
      this.problem.textContent = text;
      return this.node.querySelector("button");
    }
    row.details.open = true;
    row[part].complain(text);
    return row[part].input;
  }

  quiet() {
    this.problem.textContent = "";
    for (const { name, text } of this.#rows) for (const field of [name, text]) field.complain("");
  }

  #add({ name, text }, isNew = false) {
    const place = this.#rows.length;
    const title = el("bdi", null, name || "A new document");
    const size = el("span.muted");
    const row = {
      name: new Field(`document-${crypto.randomUUID()}`, "Name", el("input", { value: name, maxlength: "100" })),
      text: new Field(
        `document-${crypto.randomUUID()}`,
        "Text",
        el("textarea", { rows: "8", dir: "auto", spellcheck: "false" }, text),
      ),
    };
    const shown = () => {
      title.textContent = row.name.value || "A new document";
      size.textContent = `${row.text.value.length.toLocaleString()} characters`;
    };
    const remove = () => {
      this.#rows.splice(this.#rows.indexOf(row), 1);
      row.details.remove();
      this.#changed();
      this.node.querySelector("button").focus();
    };
    row.details = el(
      "details",
      { open: isNew, oninput: shown },
      el("summary", null, title, " ", size),
      row.name.node,
      row.text.node,
      el("div.row.end", null, button("Remove", remove, { "aria-label": `Remove document ${place + 1}` })),
    );
    shown();
    this.#rows.push(row);
    this.#list.append(row.details);
    if (isNew) row.name.input.focus();
    this.#changed();
  }

  async #read(file) {
    for (const one of file.files) this.#add({ name: one.name.slice(0, 100), text: await one.text() });
    file.value = "";
  }
}
