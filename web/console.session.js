/**
 * The agent's session: the token, and the forms that ask for one. Tabs keep it for as long as they are open, and share
 * it: it ends with the browser.
 */

import { button, el } from "./console.element.js";
import { openDialog, showToast } from "./console.notice.js";

const TOKEN_KEY = "switchboard.token";
const STAFF_ROLES = ["agent", "admin"];
/** Time in which another tab that is signed in answers a new one. */
const ANSWER_TIMEOUT_MS = 200;

const INTRODUCTION = "The agent console. Sign in with the token that you were given.";
const NOT_A_TOKEN = "This is not a valid token. A token (JWT) has three parts, separated by dots.";
const NOT_STAFF = "This is a customer’s token. The console is for agents and admins.";
const EXPIRED = "Your session has ended. Sign in with a new token to continue.";
const RENEWAL = "Your drafts are kept. Messages that are being sent go out as soon as you are signed in again.";

export class Session {
  /** The token's claims, for display only: the server verifies the token itself. */
  me = null;
  #token = "";
  #renewal;
  #tabs = new BroadcastChannel("switchboard.session");
  #id = Math.random();
  /** Closes the form that asks for a token. */
  #signedIn = () => {};
  #offer;

  /** `offer` resolves to the people that a server on a laptop lets in, as `{ label, token }`. */
  constructor(offer) {
    this.#offer = offer;
    this.#tabs.onmessage = ({ data }) => this.#hear(data);
  }

  /** Resolves once somebody is signed in. */
  async begin() {
    const kept = sessionStorage.getItem(TOKEN_KEY);
    const given = takeTokenFromAddress();
    let problem = kept ? this.#accept(kept) : "";
    if (given !== undefined) problem = await this.#consider(given, claimsOf(kept ?? ""));
    // A tab that was signed out has an empty token, and stays so.
    else if (!this.me && kept !== "") await this.#ask();
    if (!this.me) await this.#signIn(problem);
    // A link may also be opened in this tab while somebody is signed in.
    addEventListener("hashchange", () => {
      const given = takeTokenFromAddress();
      if (given !== undefined) this.#consider(given, this.me);
    });
  }

  /**
   * Takes a token from the address, unless it is none or another person's: nobody is signed out by a link. `known` are
   * the claims of the session that the tab has, even if it has ended. Returns the problem with the token.
   */
  async #consider(given, known) {
    const claims = claimsOf(given);
    const problem = problemWith(claims);
    if (!problem && known && !isSamePerson(known, claims)) {
      const [current, other] = [known, claims].map(({ name, sub, tenant }) => `${name || sub} (${tenant})`);
      const question = {
        title: "Sign in as somebody else?",
        text: `You are signed in as ${current}. The link signs you in as ${other}. Your drafts in this tab are deleted.`,
        confirm: "Sign in",
        cancel: "Stay signed in",
      };
      if (!(await openDialog(question))) return "";
      sessionStorage.clear();
    }
    if (!problem) return this.#enter(given);
    if (this.me) showToast(`The link’s token was ignored. ${problem}`);
    return problem;
  }

  /** The token. Once it has expired, requests wait for a new one. */
  token() {
    return isExpired(this.me) ? this.#renew() : this.#token;
  }

  /** `fetch` that waits for a new token where the server refuses the current one. */
  fetch = async (url, options) => {
    const response = await fetch(url, options);
    const isRefused = response.status === 401 && options.headers.Authorization === `Bearer ${this.#token}`;
    if (isRefused) await this.#renew();
    return response;
  };

  signOut() {
    this.#tabs.postMessage({ out: this.me });
    this.#leave();
  }

  #leave() {
    this.#token = "";
    sessionStorage.clear();
    sessionStorage.setItem(TOKEN_KEY, "");
    location.assign(location.pathname);
  }

  /** Asks the other tabs for the session's token. */
  #ask() {
    return new Promise((resolve) => {
      this.#signedIn = resolve;
      this.#tabs.postMessage({ ask: this.#id });
      setTimeout(resolve, ANSWER_TIMEOUT_MS);
    });
  }

  /** Takes in what another tab says: `ask` or `out`, or a token, which may be meant for the tab `to` alone. */
  #hear({ ask, out, token, to = this.#id }) {
    if (ask && this.#token) this.#tabs.postMessage({ token: this.#token, to: ask });
    if (out && this.me && isSamePerson(out, this.me)) this.#leave();
    // Tabs of different persons leave each other alone.
    if (!token || to !== this.#id || (this.me && !isSamePerson(this.me, claimsOf(token)))) return;
    if (!this.#accept(token)) this.#signedIn();
  }

  /** Accepts a token that is new, and tells the other tabs. */
  #enter(token) {
    const problem = this.#accept(token);
    if (!problem) this.#tabs.postMessage({ token });
    return problem;
  }

  /** Returns the problem with the token, or "" once it is in use. */
  #accept(token) {
    const claims = claimsOf(token);
    const problem = problemWith(claims);
    if (problem) return problem;
    sessionStorage.setItem(TOKEN_KEY, token);
    // Another person's inbox and drafts must not mix with those in the page.
    if (this.me && !isSamePerson(this.me, claims)) location.reload();
    this.me = claims;
    this.#token = token;
    return "";
  }

  #signIn(problem) {
    return new Promise((resolve) => {
      const title = el("h1", el("span.logo"), "Switchboard");
      const form = this.#form(problem, () => {
        page.remove();
        resolve();
      });
      const people = el("div.stack");
      const page = el("main.sign-in", el("div.card", title, el("p.muted", INTRODUCTION), people, form));
      document.body.append(page);
      form.elements.token.focus();
      this.#offer.then((offered) => {
        const enter = ({ token }) => this.#enter(token) || this.#signedIn();
        people.append(...offered.map((person) => button(`Enter as ${person.label}`, () => enter(person))));
      });
    });
  }

  #renew() {
    this.#renewal ??= new Promise((resolve) => {
      const form = this.#form("", () => dialog.close());
      const title = el("h2", { id: "renewal-title" }, "Your session has ended");
      const leave = button("Sign out", () => this.signOut(), { class: "quiet" });
      const dialog = el("dialog", { "aria-labelledby": "renewal-title", oncancel: (event) => event.preventDefault() });
      dialog.append(title, el("p", RENEWAL), form, leave);
      dialog.addEventListener("close", () => {
        dialog.remove();
        this.#renewal = undefined;
        resolve(this.#token);
      });
      document.body.append(dialog);
      dialog.showModal();
    });
    return this.#renewal;
  }

  #form(problemText, done) {
    this.#signedIn = done;
    const problem = el("p.problem", { role: "alert", id: "token-problem" }, problemText);
    const token = el("input", {
      id: "token",
      name: "token",
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
      "aria-describedby": "token-problem",
    });
    const onsubmit = (event) => {
      event.preventDefault();
      problem.textContent = this.#enter(token.value.trim());
      if (problem.textContent) token.select();
      else done();
    };
    const label = el("label", { for: "token" }, "Your token");
    return el("form.stack", { onsubmit }, label, token, problem, el("button.primary", "Sign in"));
  }
}

/**
 * Reads `#token=…` and removes it from the address bar and the history before anything else runs, whatever it is.
 * Returns `undefined` if there is none.
 */
function takeTokenFromAddress() {
  if (!/^#token\b/.test(location.hash)) return undefined;
  const text = location.hash.slice("#token=".length);
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function problemWith(claims) {
  if (!claims) return NOT_A_TOKEN;
  if (!STAFF_ROLES.includes(claims.role)) return NOT_STAFF;
  return isExpired(claims) ? EXPIRED : "";
}

const isSamePerson = (one, other) => one.sub === other.sub && one.tenant === other.tenant;

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

const isExpired = (claims) => claims.exp * 1000 <= Date.now();
