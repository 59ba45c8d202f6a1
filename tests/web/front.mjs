// A web server before Switchboard: the site that has the widget. It serves a test's own pages, can refuse sockets, and
// puts a script into every page that reports the page's errors, in each engine alike and from the page's first line on.

import { once } from "node:events";
import { createServer, request } from "node:http";
import { connect } from "node:net";

import { url } from "./world.mjs";

const { hostname, port } = new URL(url);
const REPORTER = "/report-errors.js";
const REPORTS = "/errors";

/** Runs in the page. */
function report(to) {
  const tell = (text) => navigator.sendBeacon(to, `${location.pathname}: ${text}`);
  const failed = ({ error, message, target }) => tell(error?.stack || message || `${target.outerHTML} was not loaded`);
  // With those of elements whose file cannot be loaded.
  addEventListener("error", failed, true);
  addEventListener("unhandledrejection", ({ reason }) => tell(`not caught: ${reason?.stack ?? reason}`));
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) =>
    tell(`refused by ${violatedDirective}: ${blockedURI} in ${sourceFile}`),
  );
  const { error } = console;
  console.error = (...all) => (tell(all.map((one) => one?.stack ?? one).join(" ")), error.apply(console, all));
  const foreign = ({ name }) => /^https?:/.test(name) && new URL(name).hostname !== location.hostname;
  new PerformanceObserver((list) => list.getEntries().filter(foreign).forEach(({ name }) => tell(`asked for ${name}`)))
    .observe({ type: "resource", buffered: true });
}

export class Front {
  /** The errors of all pages. */
  errors = [];
  refusesSockets = false;
  /** Whether requests to Switchboard are cut off, and how many were. */
  isAway = false;
  refusedCount = 0;
  #pages = new Map();
  #server;
  #sockets = new Set();

  static async start() {
    const front = new this();
    front.#server = createServer((ask, answer) => front.#answer(ask, answer));
    front.#server.on("upgrade", (ask, socket, head) => front.#upgrade(ask, socket, head));
    await once(front.#server.listen(0, "127.0.0.1"), "listening");
    front.url = `http://127.0.0.1:${front.#server.address().port}`;
    return front;
  }

  /** Serves a page of its own. */
  serve(path, html) {
    this.#pages.set(path, `<!doctype html><html lang="en"><head><title>Shop</title></head>${html}`);
    return this.url + path;
  }

  close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(ask, answer) {
    const page = this.#pages.get(ask.url);
    if (page) return answer.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(reported(page));
    if (ask.url === REPORTER) {
      return answer.writeHead(200, { "content-type": "text/javascript" }).end(`(${report})("${REPORTS}")`);
    }
    if (ask.url === REPORTS) {
      this.errors.push(Buffer.concat(await ask.toArray()).toString());
      return answer.writeHead(204).end();
    }
    if (this.isAway) {
      this.refusedCount++;
      return answer.destroy();
    }
    this.#forward(ask, answer);
  }

  #forward(ask, answer) {
    const { method, url: path } = ask;
    // A page that the browser knows already would come back without its text.
    const { "if-none-match": _, ...headers } = ask.headers;
    const onward = request({ hostname, port, method, path, headers }, async (reply) => {
      const isPage = reply.headers["content-type"]?.startsWith("text/html");
      if (!isPage) return reply.pipe(answer.writeHead(reply.statusCode, reply.headers));
      const html = reported(Buffer.concat(await reply.toArray()).toString());
      answer.writeHead(reply.statusCode, { ...reply.headers, "content-length": Buffer.byteLength(html) }).end(html);
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    ask.pipe(onward);
  }

  #upgrade(ask, socket, head) {
    if (this.refusesSockets || this.isAway) return socket.destroy();
    const there = connect(port, hostname);
    const headers = ask.rawHeaders.map((text, index) => (index % 2 ? `${text}\r\n` : `${text}: `)).join("");
    there.write(`${ask.method} ${ask.url} HTTP/1.1\r\n${headers}\r\n`);
    there.write(head);
    for (const [end, other] of [[socket, there], [there, socket]]) {
      this.#sockets.add(end.on("error", () => {}).on("close", () => (this.#sockets.delete(end), other.destroy())));
    }
    socket.pipe(there).pipe(socket);
  }
}

const reported = (html) => html.replace("<head>", `<head><script src="${REPORTER}"></script>`);
