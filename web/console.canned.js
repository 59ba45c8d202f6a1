/** Replies that are written once and said often: `/` at the beginning of a message offers them. */

import { ask, button, el } from "./console.element.js";

const PLACE = "switchboard.canned";

const FIRST = [
  { name: "hello", text: "Hello {name}, a person here now. I am reading what was said so far." },
  { name: "moment", text: "One moment please, {name}, I am looking into it." },
  { name: "anything else", text: "Is there anything else that I can do for you?" },
];

function read() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? FIRST;
  } catch {
    return FIRST;
  }
}

/** The list that opens over a textarea. */
export class Canned {
  #field;
  #customer;
  #at = 0;
  #shown = [];

  /** `customer()` gives the name that stands for `{name}`. */
  constructor(field, customer) {
    this.#field = field;
    this.#customer = customer;
    this.node = el("ul.canned", { id: "canned", role: "listbox", "aria-label": "Canned replies", hidden: true });
    field.setAttribute("aria-controls", "canned");
    field.setAttribute("aria-haspopup", "listbox");
    field.addEventListener("blur", () => this.#hide());
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /** After each change of what is written. */
  offer() {
    const sought = /^\/([^\n]*)$/.exec(this.#field.value)?.[1].toLowerCase();
    const fits = ({ name, text }) => `${name} ${text}`.toLowerCase().includes(sought);
    this.#shown = sought === undefined ? [] : read().filter(fits);
    this.#at = 0;
    this.#draw();
  }

  /** Whether the key was for the list. */
  takes(event) {
    if (!this.isOpen) return false;
    const { length } = this.#shown;
    if (event.key === "ArrowDown") this.#at = (this.#at + 1) % length;
    else if (event.key === "ArrowUp") this.#at = (this.#at + length - 1) % length;
    else if (event.key === "Enter" || event.key === "Tab") return this.#choose(this.#shown[this.#at]);
    else if (event.key === "Escape") this.#shown = [];
    else return false;
    this.#draw();
    return true;
  }

  #choose({ text }) {
    this.#hide();
    this.#field.value = text.replaceAll("{name}", this.#customer());
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  #hide() {
    this.#shown = [];
    this.#draw();
  }

  #draw() {
    this.node.hidden = this.#shown.length === 0;
    // Before the field loses its focus to the click.
    const choose = (it) => (event) => (event.preventDefault(), this.#choose(it));
    const option = (it, place) =>
      el(
        "li",
        { role: "option", id: `canned-${place}`, "aria-selected": String(place === this.#at), onmousedown: choose(it) },
        el("b", null, `/${it.name}`),
        " ",
        el("span.muted", { dir: "auto" }, it.text),
      );
    this.node.replaceChildren(...this.#shown.map(option));
    if (this.isOpen) this.#field.setAttribute("aria-activedescendant", `canned-${this.#at}`);
    else this.#field.removeAttribute("aria-activedescendant");
    this.node.children[this.#at]?.scrollIntoView({ block: "nearest" });
  }
}

/** The dialog in which they are written. */
export async function editCanned() {
  const list = el("div.stack.scroll");
  const row = ({ name, text }) => {
    const one = el(
      "div.canned-row",
      null,
      el("input", { name: "name", value: name, "aria-label": "Name", placeholder: "name", maxlength: "40" }),
      el("textarea", { name: "text", rows: "2", "aria-label": "Text", dir: "auto" }, text),
      button("Remove", () => one.remove(), { icon: "close", only: true }),
    );
    return one;
  };
  list.append(...read().map(row));
  const add = button(
    "Add one",
    () => {
      list.append(row({ name: "", text: "" }));
      list.lastChild.querySelector("input").focus();
    },
    { icon: "plus", class: "quiet" },
  );
  const filled = await ask({
    title: "Canned replies",
    text: "They are kept in this browser. {name} becomes the customer’s name.",
    fields: [list, add],
    yes: "Save",
  });
  if (!filled) return;
  const texts = filled.getAll("text");
  const written = filled.getAll("name").map((name, place) => ({ name: name.trim() || "reply", text: texts[place].trim() }));
  localStorage.setItem(PLACE, JSON.stringify(written.filter(({ text }) => text)));
}
