import { Switchboard, SwitchboardError } from "./switchboard.js";

const HOUR_MS = 3_600_000;

/** The visitor's client and token, and what the browser stores. */
export class Session {
  /** Aborted when the element has left the page. */
  closing = new AbortController();
  /** The client, after `connect()`. */
  board;
  /** Called when a token has come. */
  onchange;
  #config;
  #refused;

  constructor(host) {
    this.host = host;
    this.tenant = host.getAttribute("tenant");
    this.chatbot_id = host.getAttribute("chatbot");
    const prefix = `switchboard ${this.tenant} ${this.chatbot_id} `;
    this.stored = storage("localStorage", prefix);
    this.tab = storage("sessionStorage", prefix);
  }

  async connect() {
    const pages = this.host.getAttribute("pages")?.replace(/\/?$/, "/") ?? import.meta.url;
    this.#config ??= await (await fetch(pages.replace(/[^/]*$/, "config.json"))).json();
    if (this.closing.signal.aborted) throw new SwitchboardError({ code: "closed" });
    return (this.board ??= new Switchboard({
      ...this.#config,
      token: () => this.token(),
      fetch: async (url, request) => {
        if (url.endsWith("/threads")) request.headers["Idempotency-Key"] = this.stored.next;
        const response = await fetch(url, request);
        if (response.status === 401) this.#refused = request.headers.Authorization;
        return response;
      },
    }));
  }

  /** The page's token, else the visitor's. One tab at a time asks for it. */
  token() {
    const given = this.host.token ?? this.host.getAttribute("token");
    if (given) return given.call ? given() : given;
    const renew = () => this.#renew();
    return navigator.locks ? navigator.locks.request(this.chatbot_id, renew) : renew();
  }

  async #renew() {
    const { tenant, chatbot_id, stored } = this;
    const { token, expires_at } = stored;
    const old = token && `Bearer ${token}`;
    if (old && old !== this.#refused && Date.parse(expires_at) - Date.now() > HOUR_MS) return token;
    const response = await fetch(`${this.#config.url}/visitors`, {
      method: "POST",
      headers: { ...(old && { Authorization: old }), "Content-Type": "application/json" },
      body: JSON.stringify({ tenant, chatbot_id }),
    });
    const visitor = await response.json();
    if (!response.ok) throw new SwitchboardError(visitor);
    Object.assign(stored, visitor);
    this.onchange();
    return visitor.token;
  }

  close() {
    this.closing.abort();
    this.board?.close();
  }
}

/** JSON in the browser's storage, else in memory. */
function storage(kind, prefix) {
  let area = {};
  try {
    area = window[kind];
  } catch {}
  return new Proxy({}, {
    get: (_, key) => JSON.parse(area[prefix + key] ?? null),
    set: (_, key, value) => (area[prefix + key] = JSON.stringify(value)),
  });
}
