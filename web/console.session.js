/** Who works here: a token, kept as long as the tab is. */

import { button, el } from "./console.element.js";

const KEPT = "switchboard.token";

export class Session {
  /** What the token says of its bearer; for show, for the server reads it for itself. */
  me = null;
  #token = "";
  #asking;

  /** Signed in once this is over: by the address bar, by what is kept, else by the form. */
  async begin() {
    const given = takeFromAddress();
    const kept = sessionStorage.getItem(KEPT);
    let why = "";
    if (given || kept) why = this.#accept(given || kept);
    if (!this.me) await this.#atTheDoor(why);
  }

  /** For the board. Once the token is over the agent is asked for a new one, and what is under way waits. */
  token() {
    return isOver(this.me) ? this.#renew() : this.#token;
  }

  /** `fetch`, but where the token is refused a new one is asked for before anybody hears of it. */
  fetch = async (url, how) => {
    const response = await fetch(url, how);
    if (response.status === 401 && how.headers.Authorization === `Bearer ${this.#token}`) await this.#renew();
    return response;
  };

  /** Ends it, with everything that was kept for it. */
  out() {
    sessionStorage.clear();
    location.assign(location.pathname);
  }

  /** Gives what is wrong with the token; nothing where it is fine. */
  #accept(token) {
    const me = claimsOf(token);
    if (!me) return "That is not a token: it should have three parts with dots between them.";
    if (!["agent", "admin"].includes(me.role)) return "This is a customer’s token. The console is for agents and admins.";
    if (isOver(me)) return "Your session has ended. A new token lets you go on.";
    sessionStorage.setItem(KEPT, token);
    // Another one’s inbox and drafts are not to mix with these.
    if (this.me && (this.me.sub !== me.sub || this.me.tenant !== me.tenant)) location.reload();
    this.me = me;
    this.#token = token;
    return "";
  }

  #atTheDoor(why) {
    return new Promise((signedIn) => {
      const title = el("h1", null, el("span.mark"), "Switchboard");
      const form = this.#form(why, () => {
        door.remove();
        signedIn();
      });
      const door = el(
        "main.door",
        null,
        el(
          "div.card",
          null,
          title,
          el("p.muted", null, "The agent console. Sign in with the token that you were given."),
          form,
        ),
      );
      document.body.append(door);
      form.elements.token.focus();
    });
  }

  #renew() {
    this.#asking ??= new Promise((renewed) => {
      const text = "What you wrote is kept, and what was being sent goes out as soon as you are back.";
      const form = this.#form("", () => dialog.close());
      const title = el("h2", { id: "ended" }, "Your session has ended");
      const leave = button("Sign out", () => this.out(), { class: "quiet" });
      const dialog = el("dialog", { "aria-labelledby": "ended", oncancel: (event) => event.preventDefault() });
      dialog.append(title, el("p", null, text), form, leave);
      dialog.addEventListener("close", () => {
        dialog.remove();
        this.#asking = undefined;
        renewed(this.#token);
      });
      document.body.append(dialog);
      dialog.showModal();
    });
    return this.#asking;
  }

  #form(why, done) {
    const problem = el("p.problem", { role: "alert", id: "token-problem" }, why);
    const token = el("input", {
      id: "token",
      name: "token",
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
      "aria-describedby": "token-problem",
    });
    const submit = (event) => {
      event.preventDefault();
      problem.textContent = this.#accept(token.value.trim());
      if (problem.textContent) token.select();
      else done();
    };
    const label = el("label", { for: "token" }, "Your token");
    return el("form.stack", { onsubmit: submit }, label, token, problem, el("button.primary", null, "Sign in"));
  }
}

/** `#token=…`, gone from the address bar and the history before anything else is done. */
function takeFromAddress() {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token && decodeURIComponent(token);
}

/** A token’s middle part is JSON in base64url. */
function claimsOf(token) {
  try {
    const [, payload, signature] = token.split(".");
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
    return signature && claims.sub && claims.tenant ? claims : null;
  } catch {
    return null;
  }
}

const isOver = (claims) => claims.exp * 1000 <= Date.now();
