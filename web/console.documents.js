/** A chatbot's documents: the part of its form with what the bot can look up. */

import { button, el } from "./console.element.js";
import { Field, textArea } from "./console.field.js";

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
