/** The chat in a page's corner, `<switchboard-chat>`. */
import { Conversation } from "./widget.conversation.js";
import { create } from "./widget.look.js";
import { Panel } from "./widget.panel.js";
import { Session } from "./widget.session.js";
// Named here, they load with the others.
import "./switchboard.js";
import "./widget.log.js";

export class SwitchboardChat extends (globalThis.HTMLElement ?? Object) {
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

// React sets a property only where there is one.
SwitchboardChat.prototype.token = undefined;
// On a server, the module only has to load.
globalThis.customElements?.define("switchboard-chat", SwitchboardChat);

for (const { dataset } of globalThis.document?.querySelectorAll("script[data-tenant][data-chatbot]") ?? []) {
  const chat = create("switchboard-chat");
  for (const name in dataset) chat.setAttribute(name, dataset[name]);
  document.body.append(chat);
}
