/** All chatbots, and the one that is looked at. */

import { Log } from "./console.desk.js";
import { ask, button, el, empty, failed, kindly, tell } from "./console.element.js";
import { draw, Roll, rows } from "./console.log.js";
import { Switchboard } from "./switchboard.js";

const NEW = "chatbots/new";

export class Chatbots {
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
    this.list.append(el("header", el("h1.grow", { id: "chatbots" }, "Chatbots"), add), el("div.scroll", this.#rows));
  }

  show(id) {
    if (id && id === this.#shown) return;
    this.close();
    this.#shown = id;
    this.#draw();
    this.detail.replaceChildren(id ? this.#open(id) : empty("Chatbots", "Choose one to see what it says and knows."));
    this.#read();
  }

  async #read() {
    try {
      await this.#desk.readChatbots();
      this.#draw();
    } catch (error) {
      this.#rows.replaceChildren(el("li", failed("", error, () => this.#read())));
    }
  }

  async mayLeave() {
    if (!this.#view?.isChanged) return true;
    return ask({ title: "Leave without saving?", text: "What you changed would be lost.", yes: "Leave", danger: true });
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
    this.#tryIt = new TryIt(this.#desk, id);
    this.detail.append(this.#tryIt.node);
  }

  #draw() {
    const row = ({ id, name, model, documents = [] }) => {
      const { length } = documents;
      const knows = length > 0 && el("span", `${length} document${length > 1 ? "s" : ""}`);
      const small = el("span.row.muted", el("span.grow.clip1", model), knows);
      const shown = { href: `#${id}`, "aria-current": id === this.#shown && "true" };
      return el("li", el("a.row-link", shown, el("span.grow", el("b.clip1", { dir: "auto" }, name), small)));
    };
    const all = [...this.#desk.chatbots.values()];
    this.#rows.replaceChildren(...(all.length ? all.map(row) : [el("li", empty("", "There is no chatbot yet."))]));
  }
}

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

class ChatbotView {
  node = el("section.chatbot", { "aria-label": "Chatbot" });
  #desk;
  #id;
  #before = EMPTY;
  #fields;
  #documents = new Documents(() => this.#changed());
  #problem = el("p.problem", { role: "alert" });
  #save = el("button.primary", { disabled: true }, "Save");
  #title = el("h2", { tabindex: "-1" });

  constructor(desk, id, { saved, removed }) {
    this.#desk = desk;
    this.#id = id;
    this.saved = saved;
    this.removed = removed;
    this.#fields = Object.fromEntries(chatbotFields().map((field) => [field.name, field]));
    this.#open();
  }

  get isChanged() {
    const differs = () => Object.keys(this.#fields).some((name) => this.#text(name) !== this.#fields[name].value);
    return this.#desk.isAdmin && (this.#documents.isChanged || differs());
  }

  async #open() {
    if (this.#id) {
      this.node.replaceChildren(el("p.empty", { role: "status" }, "One moment…"));
      try {
        this.#before = await this.#desk.board.request("GET", `/chatbots/${encodeURIComponent(this.#id)}`);
      } catch (error) {
        return this.node.replaceChildren(failed("This chatbot could not be read", error, () => this.#open()));
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

  #text(name) {
    const before = this.#before;
    const shown = {
      tools: before.tools.length ? JSON.stringify(before.tools, null, 2) : "",
      origins: (before.origins ?? []).join("\n"),
      public: Boolean(before.public),
      "webhook.url": before.webhook?.url,
    };
    return shown[name] ?? String(before[name] ?? "");
  }

  #draw() {
    const { isAdmin } = this.#desk;
    const fields = (...names) => names.map((name) => this.#fields[name].node);
    const group = (legend, ...nodes) => el("fieldset", el("legend", legend), nodes);
    const submit = (event) => (event.preventDefault(), this.#store());
    const deletes = this.#id && button("Delete", () => this.#remove(), { class: "quiet bad" });
    const form = el(
      "form.stack",
      { novalidate: true, onsubmit: submit, oninput: () => this.#changed() },
      group("Who it is", fields("name", "greeting", "instructions")),
      group("How it thinks", fields("model"), el("div.columns", fields("temperature", "max_output_tokens")), fields("memory")),
      this.#documents.node,
      group("What it can do", fields("tools", "webhook.url", "webhook.secret")),
      group("Who may talk to it", fields("public", "origins")),
      this.#problem,
      isAdmin && el("div.row.bar", this.#save, el("span.grow"), deletes),
    );
    if (!isAdmin) for (const set of form.querySelectorAll("fieldset")) set.disabled = true;
    const head = el(
      "header.who",
      el("a.back", { href: "#chatbots" }, "Back"),
      el("div.grow", this.#title, !isAdmin && el("p.muted", "Only an admin may change chatbots.")),
    );
    // Where nothing in it can have the focus, the keyboard scrolls the whole of it.
    const box = isAdmin ? {} : { tabindex: "0", role: "region", "aria-label": "What it is made of" };
    this.node.replaceChildren(head, el("div.scroll", box, form));
    this.#title.focus({ preventScroll: true });
  }

  #changed() {
    this.#save.disabled = !this.isChanged;
  }

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
    const { activeElement } = document;
    // What would be written meanwhile would be lost.
    this.node.inert = true;
    try {
      const path = this.#id ? `/chatbots/${encodeURIComponent(this.#id)}` : "/chatbots";
      const { version } = this.#before;
      this.#before = await this.#desk.board.request(this.#id ? "PATCH" : "POST", path, { version, ...this.#changes() });
      const isNew = !this.#id;
      this.#id = this.#before.id;
      this.#fill();
      if (isNew) this.#draw();
      tell("Saved.");
      this.saved(this.#before, isNew);
      this.#awake(activeElement);
    } catch (error) {
      this.#awake(activeElement);
      if (error.version) this.#overtaken(error.version);
      else this.#complain(error);
    }
  }

  #awake(focused) {
    this.node.inert = false;
    (focused.disabled ? this.#title : focused).focus({ preventScroll: true });
  }

  /** A colleague was faster. What is written here stays until it is said whose it is to be. */
  async #overtaken(version) {
    const text = "A colleague saved this chatbot while you were at it. Your words can go over theirs, field by field.";
    const [title, yes, no] = ["Save over it?", "Save mine", "Look at mine again"];
    const theirs = button("Read theirs", () => (theirs.closest("dialog").close(), this.#open()), { class: "quiet" });
    if (!(await ask({ title, text, fields: [theirs], yes, no, danger: true }))) return;
    this.#before.version = version;
    this.#store();
  }

  #quiet() {
    this.#problem.textContent = "";
    this.#documents.quiet();
    for (const field of Object.values(this.#fields)) field.complain("");
  }

  /** `tools[0].name` is said of the tools, what no field is to blame for at the end. */
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

class Field {
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
    this.input.ariaInvalid = text ? "true" : null;
  }
}

class Unfit extends Error {
  constructor(field, detail) {
    super(detail);
    Object.assign(this, { field, detail });
  }
}

function chatbotFields() {
  const memories = { conversation: "A conversation at OpenAI", local: "None: each request carries the recent log" };
  const options = Object.entries(memories).map(([value, words]) => el("option", { value }, words));
  const code = { spellcheck: "false", dir: "ltr" };
  return [
    ["name", "Name", el("input", { required: true, maxlength: "100", dir: "auto" }), "What customers see it called."],
    ["model", "Model", el("input", { ...code, required: true, autocomplete: "off" }), "As OpenAI calls it, say gpt-5-mini."],
    ["instructions", "Instructions", area(8), "Who it is, what it may promise, when it should hand over to a person."],
    ["greeting", "Greeting", area(2), "The first message of each conversation; none where it is empty."],
    ["temperature", "Temperature", number({ min: "0", max: "2", step: "any" }), "0 to 2."],
    ["max_output_tokens", "Most output tokens", number({ min: "16", step: "1" })],
    ["memory", "Memory", el("select", options)],
    ["tools", "Tools, as JSON", area(6, { ...code, class: "code" }), TOOLS],
    ["webhook.url", "Webhook", el("input", { ...code, type: "url", placeholder: "https://…" }), WEBHOOK],
    ["webhook.secret", "Webhook secret", el("input", { type: "password", autocomplete: "new-password" }), SECRET],
    ["public", "Anyone may talk to it, without signing in", el("input", { type: "checkbox" })],
    ["origins", "Sites that may embed it, one a line", area(2, { ...code, placeholder: "https://shop.example" }), ORIGINS],
  ].map((field) => new Field(...field));
}

const TOOLS = "A list of {name, description, parameters}: functions that the model may call by the webhook.";
const WEBHOOK = "Asked for the tools, and told who holds the line.";
const SECRET = "16 to 128 characters. It is never shown again; leave it empty to keep it.";
const ORIGINS = "Empty: any site.";

const area = (rows, more) => el("textarea", { rows, dir: "auto", ...more });
const number = (more) => el("input", { type: "number", inputmode: "decimal", placeholder: "the model’s own", ...more });

class Documents {
  node = el("fieldset.documents");
  #list = el("div.stack");
  #before = [];
  #rows = [];
  #changed;

  constructor(changed) {
    this.#changed = changed;
    const kinds = { type: "file", accept: ".txt,.md,text/plain,text/markdown", multiple: true };
    const file = el("input.unseen", { ...kinds, "aria-label": "Add from files", tabindex: "-1" });
    file.addEventListener("change", () => this.#read(file));
    const writes = button("Write one", () => this.#add({ name: "", text: "" }, true), { icon: "plus" });
    this.problem = el("p.problem", { role: "alert" });
    this.node.append(
      el("legend", "Knowledge"),
      el("p.muted", "What is written here the bot can look up. Text or Markdown, up to 300,000 bytes each."),
      this.#list,
      this.problem,
      el("div.row", writes, button("Add from files…", () => file.click()), file),
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
    const title = el("bdi", name || "A new document");
    const size = el("span.muted");
    const field = (label, input) => new Field(`document-${crypto.randomUUID()}`, label, input);
    const row = {
      name: field("Name", el("input", { value: name, maxlength: "100" })),
      text: field("Text", area(8, { spellcheck: "false" })),
    };
    row.text.value = text;
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
    const removes = el("div.row.end", button("Remove", remove, { "aria-label": `Remove document ${place + 1}` }));
    const summary = el("summary", title, " ", size);
    row.details = el("details", { open: isNew, oninput: shown }, summary, row.name.node, row.text.node, removes);
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

class TryIt {
  node = el("section.tryit", { "aria-label": "Try it" });
  #desk;
  #id;
  #board;
  #visitor = "";
  #log;
  #run;
  #unfolded = new Set();
  #unsent = [];
  #roll = new Roll({ role: "log", "aria-label": "Your conversation with the bot" }, (row) =>
    draw(row, {
      me: this.#visitor,
      outbox: { retry: (it) => this.#say(it), takeBack: (it) => this.#takeBack(it) },
      unfold: (key) => this.#unfold(key),
    }),
  );
  #text = area(1, { "aria-label": "Say something to the bot", placeholder: "Say something…" });

  constructor(desk, id) {
    this.#desk = desk;
    this.#id = id;
    const keys = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    };
    const submit = (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (!text || !this.#log) return;
      this.#text.value = "";
      const it = { text, client_id: crypto.randomUUID(), at: new Date().toISOString() };
      this.#unsent.push(it);
      this.#say(it);
    };
    this.#text.addEventListener("keydown", keys);
    const hint = el("div.row", el("p.hint", "You talk as a visitor."), el("button.primary", "Send"));
    this.form = el("form.reply", { onsubmit: submit }, el("div.field", this.#text), hint);
    const start = button("Start a conversation", () => this.begin(), { class: "primary" });
    this.node.append(el("header", el("h2", "Try it")), empty("", "Talk to it as a visitor would.", {}, start));
  }

  async begin() {
    this.close();
    const run = (this.#run = {});
    let board;
    this.#unsent = [];
    const head = el("header", el("h2.grow", "Try it"), button("Begin anew", () => this.begin(), { class: "quiet" }));
    this.node.replaceChildren(head, el("p.empty", { role: "status" }, "One moment…"));
    try {
      const { board: staff, config } = this.#desk;
      // The bot answers customers alone, so an agent has to be one for a while.
      const { token } = await staff.request("POST", `/chatbots/${encodeURIComponent(this.#id)}/visitors`, {});
      board = new Switchboard({ ...config, token });
      const tried = { chatbot_id: this.#id, title: "Tried in the console" };
      const thread = await board.request("POST", "/threads", tried);
      const log = new Log(board, thread.id);
      await log.open();
      if (run !== this.#run) return end(board, thread.id);
      this.#board = board;
      this.#visitor = thread.customer_id;
      this.#log = log;
      log.addEventListener("heard", () => this.#show());
      this.node.replaceChildren(head, this.#roll.node, this.form);
      this.#show();
      this.#text.focus();
    } catch (error) {
      board?.close();
      if (run === this.#run) this.node.replaceChildren(head, el("p.empty", { role: "alert" }, kindly(error)));
    }
  }

  close() {
    if (this.#log) end(this.#board, this.#log.id);
    this.#log = this.#run = undefined;
  }

  async #say(it) {
    it.problem = "";
    this.#show();
    try {
      await this.#log.feed.send(it.text, { client_id: it.client_id });
      this.#drop(it);
    } catch (error) {
      it.problem = kindly(error);
    }
    this.#show();
  }

  #drop(it) {
    this.#unsent = this.#unsent.filter((other) => other !== it);
  }

  #takeBack(it) {
    this.#drop(it);
    this.#text.value = it.text;
    this.#show();
  }

  #unfold(key) {
    this.#unfolded.add(key);
    this.#show();
  }

  #show() {
    if (this.#log?.last) this.#roll.show(rows(this.#log, { me: this.#visitor, unsent: this.#unsent, open: this.#unfolded }));
  }
}

/** What was tried is in nobody's way. */
function end(board, id) {
  const closed = () => board.close();
  board.request("POST", `/threads/${id}/end`, {}).then(closed, closed);
}
