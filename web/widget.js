/**
 * The chat in a page's corner: `<script type="module" src="…/widget.js" data-tenant="acme" data-chatbot="bot_…">` or
 * `<switchboard-chat tenant="acme" chatbot="bot_…">`, also with `lang`, `theme`, `accent`, `open` and `token`.
 */
import { Conversation } from "./widget.conversation.js";
import { create } from "./widget.look.js";
import { Panel } from "./widget.panel.js";
import { Session } from "./widget.session.js";
// The modules above import these; named here, they load at the same time.
import "./switchboard.js";
import "./widget.log.js";

export class SwitchboardChat extends HTMLElement {
  static observedAttributes = ["open", "lang", "accent"];
  #texts;
  #session;
  #conversation;
  #panel;

  connectedCallback() {
    if (!this.shadowRoot) this.attachShadow({ mode: "open" });
    const session = (this.#session = new Session(this));
    const conversation = (this.#conversation = new Conversation(session));
    const panel = (this.#panel = new Panel(session, conversation));
    for (const type of ["storage", "online", "offline", "visibilitychange"]) {
      addEventListener(type, (event) => conversation.refresh(event), session.closing);
    }
    panel.build().then(() => conversation.resume());
  }

  disconnectedCallback() {
    this.#conversation.leave();
    this.#session.close();
  }

  attributeChangedCallback(name, _, value) {
    if (name === "accent") this.style.setProperty("--switchboard-accent", value);
    else this.#changed(name);
  }

  get open() {
    return this.hasAttribute("open");
  }

  set open(open) {
    this.toggleAttribute("open", open);
  }

  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    this.#texts = texts;
    this.#changed("texts");
  }

  #changed(name) {
    if (!this.#panel?.parts) return;
    if (name !== "open") return this.#panel.build();
    this.#panel.arrange(true);
    this.#conversation.resume();
  }
}

customElements.define("switchboard-chat", SwitchboardChat);

for (const { dataset } of document.querySelectorAll("script[data-tenant][data-chatbot]")) {
  const chat = create("switchboard-chat");
  for (const name in dataset) chat.setAttribute(name, dataset[name]);
  document.body.append(chat);
}
