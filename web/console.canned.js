/** Canned replies: suggested in the reply field after `/`, edited in a dialog, stored in this browser. */

import { button, el } from "./console.element.js";
import { openDialog } from "./console.notice.js";

const STORAGE_KEY = "switchboard.canned";

const DEFAULT_REPLIES = [
  { name: "hello", text: "Hello {name}, a person here now. I am reading what was said so far." },
  { name: "moment", text: "One moment please, {name}, I am looking into it." },
  { name: "anything else", text: "Is there anything else that I can do for you?" },
];

function storedReplies() {
  try {
    return JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? DEFAULT_REPLIES;
  } catch {
    return DEFAULT_REPLIES;
  }
}

/** The list of suggestions for a field whose text begins with `/`. */
export class CannedReplies {
  #field;
  #customerName;
  #suggestions = [];
  #selected = 0;

  constructor(field, customerName) {
    this.#field = field;
    this.#customerName = customerName;
    this.node = el("ul.canned", { id: "canned", role: "listbox", "aria-label": "Canned replies", hidden: true });
    field.setAttribute("aria-controls", "canned");
    field.ariaHasPopup = "listbox";
    field.addEventListener("blur", () => this.#hide());
  }

  /** Updates the suggestions for what is in the field. */
  suggest() {
    const query = /^\/([^\n]*)$/.exec(this.#field.value)?.[1].toLowerCase();
    const matches = ({ name, text }) => `${name} ${text}`.toLowerCase().includes(query);
    this.#suggestions = query === undefined ? [] : storedReplies().filter(matches);
    this.#selected = 0;
    this.#draw();
  }

  /** Moves through the suggestions, chooses one or closes them. Returns whether the key was used. */
  handleKey({ key }) {
    if (!this.#isOpen) return false;
    const { length } = this.#suggestions;
    if (key === "ArrowDown") this.#selected = (this.#selected + 1) % length;
    else if (key === "ArrowUp") this.#selected = (this.#selected + length - 1) % length;
    else if (key === "Enter" || key === "Tab") return this.#choose(this.#suggestions[this.#selected]);
    else if (key === "Escape") this.#suggestions = [];
    else return false;
    this.#draw();
    return true;
  }

  get #isOpen() {
    return !this.node.hidden;
  }

  #choose({ text }) {
    this.#hide();
    this.#field.value = text.replaceAll("{name}", this.#customerName());
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  #hide() {
    this.#suggestions = [];
    this.#draw();
  }

  #draw() {
    this.node.hidden = this.#suggestions.length === 0;
    this.node.replaceChildren(...this.#suggestions.map((reply, index) => this.#option(reply, index)));
    if (this.#isOpen) this.#field.setAttribute("aria-activedescendant", `canned-${this.#selected}`);
    else this.#field.removeAttribute("aria-activedescendant");
    this.node.children[this.#selected]?.scrollIntoView({ block: "nearest" });
  }

  #option(reply, index) {
    // On `mousedown`: by the time of a click the field has lost its focus and the list is hidden.
    const onmousedown = (event) => (event.preventDefault(), this.#choose(reply));
    const isSelected = String(index === this.#selected);
    return el(
      "li",
      { role: "option", id: `canned-${index}`, "aria-selected": isSelected, onmousedown },
      el("b", `/${reply.name}`),
      " ",
      el("span.muted", { dir: "auto" }, reply.text),
    );
  }
}

export async function editCannedReplies() {
  const list = el("div.stack.scroll", storedReplies().map(editorRow));
  const add = () => {
    list.append(editorRow({ name: "", text: "" }));
    list.lastChild.querySelector("input").focus();
  };
  const data = await openDialog({
    title: "Canned replies",
    text: "They are stored in this browser. {name} is replaced by the customer’s name.",
    fields: [list, button("Add a reply", add, { icon: "plus", class: "quiet" })],
    confirm: "Save",
  });
  if (!data) return;
  const texts = data.getAll("text");
  const named = (name, index) => ({ name: name.trim() || "reply", text: texts[index].trim() });
  const replies = data.getAll("name").map(named);
  localStorage.setItem(STORAGE_KEY, JSON.stringify(replies.filter(({ text }) => text)));
}

function editorRow({ name, text }) {
  const nameInput = el("input", {
    name: "name",
    value: name,
    "aria-label": "Name",
    placeholder: "name",
    maxlength: "40",
  });
  const textInput = el("textarea", { name: "text", rows: "2", "aria-label": "Text", dir: "auto" }, text);
  const row = el("div.canned-row", nameInput, textInput);
  row.append(button("Remove", () => row.remove(), { icon: "close", iconOnly: true }));
  return row;
}
