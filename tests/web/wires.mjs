// Faulty sockets: each a class like WebSocket, over a real one; and a faulty network for a browser.

import { once } from "node:events";
import { connect, createServer } from "node:net";

import { url, WebSocket } from "./world.mjs";

/** Forwards every frame, records it, and can be cut. */
export class Wire {
  static all = [];

  static get last() {
    return this.all.at(-1);
  }

  /** What a client said over all of them, in order. */
  static said(action) {
    return this.all.flatMap(({ said }) => said).filter((frame) => frame.action === action);
  }

  said = [];

  constructor(url, protocols) {
    this.constructor.all.push(this);
    this.protocols = protocols;
    this.socket = new WebSocket(url, protocols);
    this.socket.onopen = (event) => this.onopen?.(event);
    this.socket.onclose = (event) => this.onclose?.(event);
    this.socket.onerror = (event) => this.onerror?.(event);
    this.socket.onmessage = ({ data }) => this.arrives(data);
  }

  send(text) {
    this.said.push(JSON.parse(text));
    this.socket.send(text);
  }

  close() {
    this.socket.close();
  }

  /** No goodbye. */
  cut() {
    this.socket.terminate();
  }

  /** What comes in, as the client is to hear it. */
  arrives(data) {
    this.hears(data);
  }

  hears(data) {
    this.onmessage?.({ data });
  }
}

/** A `Wire` class with a record of its own. */
export const newWire = () => class extends Wire {
  static all = [];
};

/** Loses, duplicates and reorders received frames, as the seed decides. */
export function unruly(seed) {
  const random = randomOf(seed);
  return class extends Wire {
    static all = [];
    #held = [];

    arrives(data) {
      if (random() < 0.15) return;
      this.#held.push(data);
      if (random() < 0.2) this.#held.push(data);
      if (this.#held.length > 1) return;
      const letGo = () => {
        const [next] = this.#held.splice(Math.floor(random() * this.#held.length), 1);
        this.hears(next);
        if (this.#held.length) setTimeout(letGo, random() * 5);
      };
      setTimeout(letGo, random() * 5);
    }
  };
}

/** A firewall that refuses connections. */
export class Refused {
  constructor() {
    setTimeout(() => this.onclose?.({ code: 1006 }));
  }

  send() {}
  close() {}
}

/** A firewall that drops connections silently. */
export class Silent {
  send() {}
  close() {}
}

/**
 * Lets a test play events to a browser's pages, after those of the server.
 * Returns a function that takes an event without its `thread_id`.
 */
export async function player(context, thread_id) {
  const pages = new Set();
  await context.routeWebSocket(/ws$/, (page) => {
    pages.add(page);
    page.connectToServer();
  });
  return (event) => pages.forEach((page) => page.send(JSON.stringify({ thread_id: thread_id(), ...event })));
}

/** Repeatable random numbers between 0 and 1. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A proxy to the server that can be cut, because a browser in its offline mode keeps open connections; and that can hold
 * back the frames of sockets.
 */
export async function wire(t) {
  const ends = new Set();
  const late = [];
  let up = true;
  let held = false;
  const { hostname, port } = new URL(url);
  const server = createServer((here) => {
    if (!up) return here.destroy();
    const there = connect(port, hostname);
    let isSocket;
    for (const [end, other] of [[here, there], [there, here]]) {
      ends.add(end.on("error", () => {}).on("close", () => ends.delete(end) && other.destroy()));
      end.on("data", (bytes) => {
        isSocket ??= bytes.toString("latin1").startsWith("GET /ws");
        if (isSocket && held) late.push([other, bytes]);
        else other.write(bytes);
      });
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const at = `127.0.0.1:${server.address().port}`;
  const cut = () => {
    up = false;
    for (const end of ends) end.destroy();
  };
  t.after(() => (cut(), server.close()));
  return {
    config: { url: `http://${at}`, socketUrl: `ws://${at}/ws` },
    cut,
    mend: () => (up = true),
    hold: () => (held = true),
    release() {
      held = false;
      for (const [end, bytes] of late.splice(0)) end.write(bytes);
    },
  };
}
