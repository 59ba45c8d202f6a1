/** Talking to a chatbot as a visitor would, beside the form in which it is made. */

import { button, el } from "./console.element.js";
import { Log } from "./console.log.js";
import { draw } from "./console.message.js";
import { Roll } from "./console.roll.js";
import { rows } from "./console.rows.js";
import { kindly } from "./console.words.js";
import { Switchboard, SwitchboardError } from "./switchboard.js";

export class TryIt {
  node = el("section.tryit", { "aria-label": "Try it" });
  #desk;
  #chatbot;
  #board;
  #visitor = "";
  #log;
  #unfolded = new Set();
  #unsent = [];
  #roll = new Roll({ role: "log", "aria-label": "Your conversation with the bot" }, (row) =>
    draw(row, {
      me: this.#visitor,
      outbox: { retry: (it) => this.#say(it), takeBack: (it) => this.#takeBack(it) },
      unfold: (key) => this.#unfold(key),
    }),
  );
  #text = el("textarea", {
    rows: "1",
    dir: "auto",
    "aria-label": "Say something to the bot",
    placeholder: "Say something…",
  });

  constructor(desk, chatbot) {
    this.#desk = desk;
    this.#chatbot = chatbot;
    const keys = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
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
    const form = el(
      "form.reply",
      { onsubmit: submit },
      el("div.field", null, this.#text),
      el("div.row", null, el("p.hint", null, "You talk as a visitor."), el("button.primary", null, "Send")),
    );
    this.form = form;
    const start = button("Start a conversation", () => this.begin(), { class: "primary" });
    this.node.append(
      el("header", null, el("h2", null, "Try it")),
      el("div.empty", null, el("p", null, "Talk to it as a visitor would."), start),
    );
  }

  /** A conversation of its own, with the chatbot as it is now. */
  async begin() {
    this.close();
    this.#unsent = [];
    const head = el(
      "header",
      null,
      el("h2.grow", null, "Try it"),
      button("Begin anew", () => this.begin(), { class: "quiet" }),
    );
    this.node.replaceChildren(head, el("p.empty", { role: "status" }, "One moment…"));
    try {
      const { config } = this.#desk;
      const board = (this.#board = new Switchboard({ ...config, token: await this.#token() }));
      const thread = await board.request("POST", "/threads", {
        chatbot_id: this.#chatbot.id,
        title: "Tried in the console",
      });
      this.#visitor = thread.customer_id;
      this.#log = new Log(board, thread.id);
      this.#log.addEventListener("heard", () => this.#show());
      await this.#log.open();
      this.node.replaceChildren(head, this.#roll.node, this.form);
      this.#show();
      this.#text.focus();
    } catch (error) {
      const hint =
        error.code === "forbidden" &&
        "It is tried as a visitor, so anyone has to be let in, from this site too. Allow that, save, and begin anew.";
      this.node.replaceChildren(
        head,
        el("div.empty", null, el("p", { role: "alert" }, kindly(error)), hint && el("p", null, hint)),
      );
    }
  }

  /** What was tried is over, and in nobody's way. */
  close() {
    const [board, id] = [this.#board, this.#log?.id];
    this.#log = undefined;
    if (id)
      board
        .request("POST", `/threads/${id}/end`, {})
        .catch(() => {})
        .finally(() => board.close());
  }

  /** The bot answers customers alone, so an agent has to be one for a while. Visitors bring no token of their own. */
  async #token() {
    const { config, me } = this.#desk;
    const body = JSON.stringify({ tenant: me.tenant, chatbot_id: this.#chatbot.id });
    const response = await fetch(`${config.url}/visitors`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new SwitchboardError({ ...answer, status: response.status });
    return answer.token;
  }

  async #say(it) {
    it.problem = "";
    this.#show();
    try {
      await this.#log.feed.send(it.text, { client_id: it.client_id });
      this.#unsent.splice(this.#unsent.indexOf(it), 1);
    } catch (error) {
      it.problem = kindly(error);
    }
    this.#show();
  }

  #takeBack(it) {
    this.#unsent.splice(this.#unsent.indexOf(it), 1);
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
