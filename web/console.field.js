/** Form fields with a label, a hint and a place for a problem; the fields and the documents of a chatbot. */

import { button, el } from "./console.element.js";

export class Field {
  constructor(name, label, input, hint) {
    this.name = name;
    this.input = input;
    this.problem = el("p.problem", { id: `${name}-problem` });
    const id = `field-${name}`;
    input.id = id;
    input.setAttribute("aria-describedby", `${name}-problem${hint ? ` ${name}-hint` : ""}`);
    input.addEventListener("input", () => this.showProblem(""));
    this.node = el(
      "div.field-row",
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

  showProblem(text) {
    this.problem.textContent = text;
    this.input.ariaInvalid = text ? "true" : null;
  }
}

/** The error of a value that is wrong before it is sent, in the form of the server's. */
export class FieldError extends Error {
  constructor(field, detail) {
    super(detail);
    Object.assign(this, { field, detail });
  }
}

export const textArea = (rows, props) => el("textarea", { rows, dir: "auto", ...props });

/** The placeholder of a field that may be empty. */
const DEFAULT = "the model’s default";
const CODE = { spellcheck: "false", dir: "ltr" };

/** A chatbot's fields, by the names that they have in the API. */
export function chatbotFields() {
  const fields = [...profileFields(), ...modelFields(), ...toolFields(), ...accessFields()];
  return Object.fromEntries(fields.map((field) => [field.name, field]));
}

function profileFields() {
  const instructions = "The chatbot’s role, what it may promise, and when it should hand over to a person.";
  return [
    new Field("name", "Name", input({ required: true, maxlength: "100", dir: "auto" }), "The name that customers see."),
    new Field("greeting", "Greeting", textArea(2), "The first message of each conversation. Leave it empty for none."),
    new Field("instructions", "Instructions", textArea(8), instructions),
  ];
}

function modelFields() {
  const memories = {
    conversation: "Stored in a conversation at OpenAI",
    local: "Not stored at OpenAI: each request carries the recent log",
  };
  const model = input({ ...CODE, required: true, autocomplete: "off" });
  const temperature = numberInput({ min: "0", max: "2", step: "any" });
  const fallback = input({ ...CODE, autocomplete: "off", placeholder: "none" });
  const effort = input({ ...CODE, autocomplete: "off", placeholder: DEFAULT });
  const verbosity = input({ ...CODE, autocomplete: "off", placeholder: DEFAULT });
  return [
    new Field("model", "Model", model, "The server’s name for the model, for example gpt-5-mini."),
    new Field("fallback_model", "Fallback model", fallback, "It answers once the server no longer has the model."),
    new Field("temperature", "Temperature", temperature, "0 to 2."),
    new Field("max_output_tokens", "Maximum output tokens", numberInput({ min: "16", step: "1" })),
    new Field("reasoning_effort", "Reasoning effort", effort, "In the model’s own words, for example low."),
    new Field("verbosity", "Verbosity", verbosity, "The length of its answers: low, medium or high."),
    new Field("memory", "Memory", select(memories)),
  ];
}

function toolFields() {
  const tools = "A JSON array of {name, description, parameters}: functions that the model calls through the webhook.";
  const webhook = "Receives the model’s function calls and each change of who holds the line.";
  const secret = "16 to 128 characters. It is never shown again; leave it empty to keep the current one.";
  const url = input({ ...CODE, type: "url", placeholder: "https://…" });
  return [
    new Field("tools", "Tools, as JSON", textArea(6, { ...CODE, class: "code" }), tools),
    new Field("webhook.url", "Webhook", url, webhook),
    new Field("webhook.secret", "Webhook secret", input({ type: "password", autocomplete: "new-password" }), secret),
  ];
}

function accessFields() {
  const audiences = {
    public: "Anyone, without signing in",
    customers: "Customers who are signed in",
    staff: "Agents and admins, who try it",
  };
  const origins = textArea(2, { ...CODE, placeholder: "https://shop.example" });
  return [
    new Field("audience", "Who can talk to it", select(audiences)),
    new Field("origins", "Sites that may embed it, one per line", origins, "Leave it empty to allow any site."),
  ];
}

/** A choice among values, with their labels. */
function select(labels) {
  return el("select", Object.entries(labels).map(([value, label]) => el("option", { value }, label)));
}

const input = (props) => el("input", props);

function numberInput(props) {
  return input({ type: "number", inputmode: "decimal", placeholder: DEFAULT, ...props });
}

const MAX_NAME_CHARACTERS = 100;
const FILE_TYPES = ".txt,.md,text/plain,text/markdown";
const HINT = "The bot can look up what is written here. Text or Markdown, up to 300,000 bytes each.";
const UNNAMED = "New document";

export class Documents {
  node = el("fieldset.documents");
  #list = el("div.stack");
  #saved = [];
  #rows = [];
  #problem = el("p.problem", { role: "alert" });
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
    const props = { type: "file", accept: FILE_TYPES, multiple: true, "aria-label": "Add from files", tabindex: "-1" };
    const file = el("input.visually-hidden", props);
    file.addEventListener("change", () => this.#addFiles(file));
    const write = () => this.#add({ name: "", text: "" }, true);
    this.node.append(
      el("legend", "Knowledge"),
      el("p.muted", HINT),
      this.#list,
      this.#problem,
      el(
        "div.row",
        button("Write a document", write, { icon: "plus" }),
        button("Add from files…", () => file.click()),
        file,
      ),
    );
  }

  set value(documents) {
    this.#saved = documents;
    this.#rows = [];
    this.#list.replaceChildren();
    for (const document of documents) this.#add(document);
  }

  get value() {
    return this.#rows.map(({ name, text }) => ({ name: name.value.trim(), text: text.value }));
  }

  get isChanged() {
    return JSON.stringify(this.value) !== JSON.stringify(this.#saved.map(({ name, text }) => ({ name, text })));
  }

  /** Shows a problem with the field at this path, `documents[0].text`. Returns the element to focus. */
  showProblem(path, text) {
    const [, index, part] = /^documents(?:\[(\d+)\]\.(\w+))?/.exec(path) ?? [];
    const row = this.#rows[index];
    if (!row) {
      this.#problem.textContent = text;
      return this.node.querySelector("button");
    }
    row.details.open = true;
    row[part].showProblem(text);
    return row[part].input;
  }

  clearProblems() {
    this.#problem.textContent = "";
    for (const { name, text } of this.#rows) for (const field of [name, text]) field.showProblem("");
  }

  #add({ name, text }, isNew = false) {
    const number = this.#rows.length + 1;
    const row = documentRow({ name, text }, { isNew, number, onRemove: () => this.#remove(row) });
    this.#rows.push(row);
    this.#list.append(row.details);
    if (isNew) row.name.input.focus();
    this.#onChange();
  }

  #remove(row) {
    this.#rows.splice(this.#rows.indexOf(row), 1);
    row.details.remove();
    this.#onChange();
    this.node.querySelector("button").focus();
  }

  async #addFiles(input) {
    for (const file of input.files) {
      this.#add({ name: file.name.slice(0, MAX_NAME_CHARACTERS), text: await file.text() });
    }
    input.value = "";
  }
}

/** A document's fields, and the `details` element that holds them. */
function documentRow(document, { isNew, number, onRemove }) {
  const field = (label, input) => new Field(`document-${crypto.randomUUID()}`, label, input);
  const name = field("Name", el("input", { value: document.name, maxlength: String(MAX_NAME_CHARACTERS) }));
  const text = field("Text", textArea(8, { spellcheck: "false" }));
  text.value = document.text;
  const title = el("bdi");
  const size = el("span.muted");
  const update = () => {
    title.textContent = name.value || UNNAMED;
    size.textContent = `${text.value.length.toLocaleString()} characters`;
  };
  update();
  const remove = button("Remove", onRemove, { "aria-label": `Remove document ${number}` });
  const summary = el("summary", title, " ", size);
  const props = { open: isNew, oninput: update };
  const details = el("details", props, summary, name.node, text.node, el("div.row.align-end", remove));
  return { name, text, details };
}
