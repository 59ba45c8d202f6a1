/** One chatbot's form: reading, changing, saving and deleting it, and putting its widget on a site. */

import { button, el } from "./console.element.js";
import { chatbotFields, Documents, FieldError } from "./console.field.js";
import { errorText, errorView, loadingView, openDialog, sentence, showToast } from "./console.notice.js";
import { formatDate } from "./console.time.js";

const NEW_CHATBOT = {
  name: "",
  model: "",
  instructions: "",
  greeting: "",
  tools: [],
  documents: [],
  memory: "conversation",
  audience: "customers",
  origins: [],
};

const TEXT_FIELDS = ["name", "model", "instructions", "greeting", "memory", "audience"];
/** Fields that are `null` where they are empty: the model's own default. */
const OPTIONAL_FIELDS = ["reasoning_effort", "verbosity", "fallback_model"];
const NUMBER_FIELDS = ["temperature", "max_output_tokens"];
const REQUIRED_FIELDS = ["name", "model"];

export class ChatbotForm {
  node = el("section.chatbot", { "aria-label": "Chatbot" });
  #workspace;
  /** The chatbot's id; "" until a new one is saved. */
  #id;
  #onSaved;
  #onDeleted;
  /** The chatbot as it was loaded or saved last. */
  #saved = NEW_CHATBOT;
  #fields = chatbotFields();
  #documents = new Documents(() => this.#changed());
  #problem = el("p.problem", { role: "alert" });
  #save = el("button.primary", { disabled: true }, "Save");
  #title = el("h2", { tabindex: "-1" });
  #warnings = el("div.warnings");
  #site = el("div");

  constructor(workspace, id, { onSaved, onDeleted }) {
    this.#workspace = workspace;
    this.#id = id;
    this.#onSaved = onSaved;
    this.#onDeleted = onDeleted;
    this.#open();
  }

  /** True if there are changes that are not saved. */
  get isChanged() {
    if (!this.#workspace.isAdmin) return false;
    return this.#documents.isChanged || Object.keys(this.#fields).some((name) => this.#isFieldChanged(name));
  }

  get #path() {
    return `/chatbots/${encodeURIComponent(this.#id)}`;
  }

  async #open() {
    if (this.#id) {
      this.node.replaceChildren(loadingView());
      try {
        this.#saved = await this.#workspace.client.request("GET", this.#path);
      } catch (error) {
        const view = errorView("The chatbot could not be loaded", error, () => this.#open());
        return this.node.replaceChildren(view);
      }
    }
    this.#fill();
    this.#draw();
  }

  /** Sets all fields to what is saved. */
  #fill() {
    for (const [name, field] of Object.entries(this.#fields)) field.value = this.#savedValue(name);
    this.#documents.value = this.#saved.documents ?? [];
    this.#title.textContent = this.#saved.name || "New chatbot";
    this.#warnings.replaceChildren(...warningLines(this.#saved));
    if (this.#id) this.#site.replaceChildren(siteGroup(this.#workspace, this.#saved));
    this.#save.disabled = true;
  }

  /** A saved value as its field shows it. */
  #savedValue(name) {
    const { tools, origins, webhook } = this.#saved;
    const values = {
      tools: tools.length ? JSON.stringify(tools, null, 2) : "",
      origins: (origins ?? []).join("\n"),
      "webhook.url": webhook?.url,
    };
    return values[name] ?? String(this.#saved[name] ?? "");
  }

  #isFieldChanged(name) {
    return this.#fields[name].value !== this.#savedValue(name);
  }

  #draw() {
    const { isAdmin } = this.#workspace;
    const onsubmit = (event) => (event.preventDefault(), this.#submit());
    const form = el(
      "form.stack",
      { novalidate: true, onsubmit, oninput: () => this.#changed() },
      this.#warnings,
      this.#group("Profile", "name", "greeting", "instructions"),
      this.#modelGroup(),
      this.#documents.node,
      this.#group("Tools", "tools", "webhook.url", "webhook.secret"),
      this.#group("Access", "audience", "origins"),
      this.#site,
      this.#problem,
      isAdmin && this.#buttons(),
    );
    if (!isAdmin) for (const group of form.querySelectorAll("form > fieldset")) group.disabled = true;
    const header = el(
      "header.view-header",
      el("a.back", { href: "#chatbots" }, "Back"),
      el("div.grow", this.#title, !isAdmin && el("p.muted", "Only admins can change chatbots.")),
    );
    // For agents all fields are disabled; then the whole form takes the focus, so that the keyboard can scroll it.
    const props = isAdmin ? {} : { tabindex: "0", role: "region", "aria-label": "Chatbot settings" };
    this.node.replaceChildren(header, el("div.scroll", props, form));
    this.#title.focus({ preventScroll: true });
  }

  #group(legend, ...names) {
    return el("fieldset", el("legend", legend), this.#nodes(names));
  }

  #modelGroup() {
    const models = el("div.columns", this.#nodes(["model", "fallback_model"]));
    const settings = el("div.columns", this.#nodes([...NUMBER_FIELDS, "reasoning_effort", "verbosity"]));
    return el("fieldset", el("legend", "Model"), models, settings, this.#nodes(["memory"]));
  }

  #nodes(names) {
    return names.map((name) => this.#fields[name].node);
  }

  #buttons() {
    const remove = this.#id && button("Delete", () => this.#delete(), { class: "quiet bad" });
    return el("div.row.form-buttons", this.#save, el("span.grow"), remove);
  }

  #changed() {
    this.#save.disabled = !this.isChanged;
  }

  /** The body of the request that saves the changes. */
  #changes() {
    const fields = this.#fields;
    const isChanged = (name) => this.#isFieldChanged(name);
    const body = {};
    for (const name of TEXT_FIELDS) if (isChanged(name)) body[name] = fields[name].value;
    for (const name of OPTIONAL_FIELDS) if (isChanged(name)) body[name] = fields[name].value.trim() || null;
    for (const name of NUMBER_FIELDS)
      if (isChanged(name)) body[name] = fields[name].value === "" ? null : Number(fields[name].value);
    if (isChanged("tools")) body.tools = parseTools(fields.tools.value);
    if (isChanged("origins")) body.origins = fields.origins.value.split(/\s+/).filter(Boolean);
    if (this.#documents.isChanged) body.documents = this.#documents.value;
    const webhook = this.#changedWebhook();
    if (webhook !== undefined) body.webhook = webhook;
    if (!this.#id) for (const name of REQUIRED_FIELDS) body[name] ??= "";
    return body;
  }

  /** The new webhook, `null` to remove it, `undefined` if it is unchanged. */
  #changedWebhook() {
    const url = this.#fields["webhook.url"].value.trim();
    const secret = this.#fields["webhook.secret"].value;
    const isUrlChanged = this.#isFieldChanged("webhook.url");
    if (!url) return isUrlChanged ? null : undefined;
    if (!isUrlChanged && !secret) return undefined;
    if (!secret) throw new FieldError("webhook.secret", "Enter the secret too: a changed webhook needs it again.");
    return { url, secret };
  }

  async #submit() {
    this.#clearProblems();
    const { activeElement } = document;
    // Nothing can be typed meanwhile: the saved chatbot replaces what is in the fields.
    this.node.inert = true;
    try {
      const isNew = !this.#id;
      const [method, path] = isNew ? ["POST", "/chatbots"] : ["PATCH", this.#path];
      const body = { version: this.#saved.version, ...this.#changes() };
      this.#saved = await this.#workspace.client.request(method, path, body);
      this.#id = this.#saved.id;
      this.#fill();
      if (isNew) this.#draw();
      showToast("Saved.");
      this.#onSaved(this.#saved, isNew);
      this.#enable(activeElement);
    } catch (error) {
      this.#enable(activeElement);
      if (error.version) this.#resolveConflict(error.version);
      else this.#showProblem(error);
    }
  }

  #enable(focused) {
    this.node.inert = false;
    (focused.disabled ? this.#title : focused).focus({ preventScroll: true });
  }

  /** Somebody else has saved the chatbot since it was loaded. The admin decides; until then nothing is lost. */
  async #resolveConflict(version) {
    const load = () => {
      theirs.closest("dialog").close();
      this.#open();
    };
    const theirs = button("Discard mine and load theirs", load, { class: "quiet" });
    const confirmed = await openDialog({
      title: "Overwrite the other changes?",
      text: "A colleague saved this chatbot while you were editing it. Saving overwrites the fields that you changed.",
      fields: [theirs],
      confirm: "Save mine",
      cancel: "Keep editing",
      danger: true,
    });
    if (!confirmed) return;
    this.#saved.version = version;
    this.#submit();
  }

  #clearProblems() {
    this.#problem.textContent = "";
    this.#documents.clearProblems();
    for (const field of Object.values(this.#fields)) field.showProblem("");
  }

  /** Shows an error at the field that it names, or else at the end of the form. */
  #showProblem(error) {
    const { field: path = "" } = error;
    const field = this.#fieldAt(path);
    if (field) {
      field.showProblem(problemText(error, field.name === path));
      field.input.focus();
    } else if (path.startsWith("documents")) {
      this.#documents.showProblem(path, problemText(error, true)).focus();
    } else this.#problem.textContent = errorText(error);
  }

  /** The field for a path: `tools` for `tools[0].name`. */
  #fieldAt(path) {
    const fields = this.#fields;
    const webhook = path.startsWith("webhook") ? fields["webhook.url"] : undefined;
    return fields[path] ?? fields[path.split(/[.[]/)[0]] ?? webhook;
  }

  async #delete() {
    const title = `Delete ${this.#saved.name}?`;
    const text = "This cannot be undone. Each of its conversations goes to a person when the bot would answer next.";
    if (!(await openDialog({ title, text, confirm: "Delete chatbot", danger: true }))) return;
    try {
      await this.#workspace.client.request("DELETE", this.#path);
      this.#saved = NEW_CHATBOT;
      this.#fill();
      this.#onDeleted();
    } catch (error) {
      this.#problem.textContent = errorText(error);
    }
  }
}

/** What is wrong with a chatbot, or will be, as elements. */
function warningLines({ model, warnings = [], model_shutdown_date: end }) {
  const lines = warnings.map(({ detail }) => el("p.bad", { dir: "auto" }, `⚠ ${sentence(detail)}`));
  if (end) lines.push(el("p", `The server’s last day for ${model}: `, el("time", { datetime: end }, formatDate(end))));
  return lines;
}

function parseTools(text) {
  if (!text.trim()) return [];
  let tools;
  try {
    tools = JSON.parse(text);
  } catch (error) {
    throw new FieldError("tools", `This is not valid JSON: ${error.message}`);
  }
  if (!Array.isArray(tools)) throw new FieldError("tools", "This must be a JSON array: [{…}]");
  return tools;
}

/** An error as text beside the field itself, or with its path beside a field that contains it. */
function problemText(error, isFieldItself) {
  const { field, reason } = error;
  if (!reason) return errorText(error);
  // Reasons are predicates, "must be from 0 to 2", or clauses.
  const text = /^(must|is|has|can|contradicts)\b/.test(reason) ? `it ${reason}` : reason;
  return isFieldItself ? sentence(text) : `${field}: ${reason}.`;
}

const HINTS = {
  customers: "Visitors cannot write yet: it is for customers who are signed in, with a token from your page.",
  staff: "Visitors cannot write yet: only agents and admins can. Choose who can talk to it under Access.",
};

export function siteGroup({ client, me }, { id, audience }) {
  const src = new URL("widget.js", import.meta.url).href;
  const snippet = `<script type="module" src="${src}" data-tenant="${me.tenant}" data-chatbot="${id}"></script>`;
  const code = el("code.code", { dir: "ltr" }, snippet);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(snippet);
      showToast("Copied.");
    } catch {
      getSelection().selectAllChildren(code);
      showToast("The browser did not copy it. It is selected: copy it yourself.");
    }
  };
  const show = async () => {
    try {
      await import("./widget.js");
      const { token } = await client.request("POST", `/chatbots/${encodeURIComponent(id)}/visitors`, {});
      const chat = el("switchboard-chat", { tenant: me.tenant, chatbot: id, token, open: true });
      group.nextSibling?.remove();
      group.after(chat);
    } catch (error) {
      showToast(errorText(error));
    }
  };
  const group = el(
    "fieldset",
    el("legend", "Put it on your site"),
    el("p.muted", "Paste this line into your pages, before the end of the body."),
    code,
    HINTS[audience] && el("p.bad", HINTS[audience]),
    el("div.row", button("Copy", copy, { class: "primary" }), button("Try it on this page", show)),
  );
  return group;
}
