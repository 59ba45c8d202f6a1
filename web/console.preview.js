/** The preview of a chatbot: a conversation with it, as a visitor would have one. */

import { button, el } from "./console.element.js";
import { textArea } from "./console.field.js";
import { Log } from "./console.log.js";
import { drawRow } from "./console.messages.js";
import { emptyView, errorText, loadingView } from "./console.notice.js";
import { logRows } from "./console.rows.js";
import { VirtualList } from "./console.virtual-list.js";
import { Switchboard } from "./switchboard.js";

const TITLE = "Preview";
const THREAD_TITLE = "Preview in the console";

export class Preview {
  node = el("section.preview", { "aria-label": TITLE });
  #workspace;
  #chatbotId;
  /** The visitor's client, id and log, once a conversation has started. */
  #client;
  #visitorId = "";
  #log;
  /** Identifies the latest start: the result of an earlier one is dropped. */
  #start;
  #expanded = new Set();
  #unsent = [];
  #list = new VirtualList({ role: "log", "aria-label": "Your conversation with the bot" }, (row) => this.#drawRow(row));
  #text = textArea(1, { "aria-label": "Message to the bot", placeholder: "Write a message…" });
  #form = this.#buildForm();

  constructor(workspace, chatbotId) {
    this.#workspace = workspace;
    this.#chatbotId = chatbotId;
    const start = button("Start a conversation", () => this.#begin(), { class: "primary" });
    const intro = emptyView("", "Talk to the bot as a visitor would.", {}, start);
    this.node.append(el("header", el("h2", TITLE)), intro);
  }

  /** Ends the conversation. */
  close() {
    if (this.#log) endThread(this.#client, this.#log.id);
    this.#log = this.#start = undefined;
  }

  async #begin() {
    this.close();
    const start = (this.#start = {});
    this.#unsent = [];
    const again = button("Start again", () => this.#begin(), { class: "quiet" });
    const header = el("header", el("h2.grow", TITLE), again);
    this.node.replaceChildren(header, loadingView());
    let client;
    try {
      client = await this.#visitorClient();
      const body = { chatbot_id: this.#chatbotId, title: THREAD_TITLE };
      const thread = await client.request("POST", "/threads", body);
      const log = new Log(client, thread.id);
      await log.open();
      if (start !== this.#start) return endThread(client, thread.id);
      this.#client = client;
      this.#visitorId = thread.customer_id;
      this.#log = log;
      log.addEventListener("received", () => this.#render());
      this.node.replaceChildren(header, this.#list.node, this.#form);
      this.#render();
      this.#text.focus();
    } catch (error) {
      client?.close();
      const problem = el("p.empty", { role: "alert" }, errorText(error));
      if (start === this.#start) this.node.replaceChildren(header, problem);
    }
  }

  /** The bot answers customers only, so the agent gets a visitor's token. */
  async #visitorClient() {
    const { client, config } = this.#workspace;
    const { token } = await client.request("POST", `/chatbots/${encodeURIComponent(this.#chatbotId)}/visitors`, {});
    return new Switchboard({ ...config, token });
  }

  #buildForm() {
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    const onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    const hint = el("div.row", el("p.hint", "You write as a visitor."), el("button.primary", "Send"));
    return el("form.reply", { onsubmit }, el("div.field", this.#text), hint);
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text || !this.#log) return;
    this.#text.value = "";
    const message = { text, client_id: crypto.randomUUID(), at: new Date().toISOString() };
    this.#unsent.push(message);
    this.#list.scrollToEnd();
    this.#send(message);
  }

  async #send(message) {
    message.problem = "";
    this.#render();
    try {
      await this.#log.feed.send(message.text, { client_id: message.client_id });
      this.#remove(message);
    } catch (error) {
      message.problem = errorText(error);
    }
    this.#render();
  }

  #remove(message) {
    this.#unsent = this.#unsent.filter((other) => other !== message);
  }

  #edit(message) {
    this.#remove(message);
    this.#text.value = message.text;
    this.#render();
  }

  #expand(key) {
    this.#expanded.add(key);
    this.#render();
  }

  #render() {
    if (!this.#log?.last) return;
    const options = { me: this.#visitorId, unsent: this.#unsent, expanded: this.#expanded };
    this.#list.show(logRows(this.#log, options));
  }

  #drawRow(row) {
    const outbox = { retry: (message) => this.#send(message), edit: (message) => this.#edit(message) };
    return drawRow(row, { me: this.#visitorId, outbox, expand: (key) => this.#expand(key) });
  }
}

/** Ends a preview's thread, so that it stays in nobody's inbox, and closes its client. */
function endThread(client, id) {
  const close = () => client.close();
  client.request("POST", `/threads/${id}/end`, {}).then(close, close);
}
