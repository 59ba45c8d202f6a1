// Packs web/ as for the npm registry, installs the tarball, and tries it in bundlers, type checkers and runtimes
// against a Switchboard that it starts. Prints a table, and the counts as `cargo test` does.
//
//     SWITCHBOARD      the binary
//     NPM              npm's script
//     PACKAGE_TOOLS    the folder whose node_modules hold the tools; its folder `tries` is made anew
//     NODE_TOOLS       the folder whose node_modules hold playwright-core
//     CHROMIUM         a browser; without it, what vite has built is not shown
//
// Arguments are beginnings of the names of rows to try; without any, all are.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { snippets } from "./package/snippets.mjs";

const { SWITCHBOARD, NPM, PACKAGE_TOOLS, CHROMIUM } = process.env;
const WEB = new URL("../../web", import.meta.url).pathname;
const TRIES = join(PACKAGE_TOOLS, "tries");
/** The longest time for one command, in milliseconds: Next builds for half a minute on a busy machine. */
const TIMEOUT = 180_000;
/** Files that a user has no use for. */
const UNWANTED = /console|demo|html|css|json(?<!package\.json)$|test/;

const execute = promisify(execFile);
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1", DENO_DIR: join(TRIES, ".deno") };

/** Runs a program in the folder of tries, and gives its output; the error has all of it. */
async function run(program, args, more = {}) {
  try {
    const options = { cwd: TRIES, env: { ...env, ...more }, timeout: TIMEOUT, maxBuffer: 1 << 26 };
    return (await execute(program, args, options)).stdout;
  } catch ({ message, stdout, stderr }) {
    throw new Error([message, stdout, stderr].join("\n"));
  }
}

const node = (...args) => run(process.execPath, args);
const inTools = (path) => join(PACKAGE_TOOLS, "node_modules", path);
const read = (path) => readFile(join(TRIES, path), "utf8");
const versionOf = async (name) => JSON.parse(await readFile(inTools(`${name}/package.json`), "utf8")).version;

/** The program that a package has for this platform. */
async function programOf(pattern) {
  for await (const path of glob(inTools(pattern))) return path;
  throw new Error(`${PACKAGE_TOOLS} has no ${pattern}`);
}

/** Packs and installs; the tarball holds what a user needs. */
async function install() {
  await rm(TRIES, { recursive: true, force: true });
  await cp(new URL("package", import.meta.url).pathname, TRIES, { recursive: true });
  const npm = (...args) => node(NPM, ...args, "--loglevel=error");
  const [{ filename, files }] = JSON.parse(await npm("pack", WEB, "--json", "--pack-destination", TRIES));
  const names = files.map(({ path }) => path);
  for (const wanted of ["LICENSE-MIT", "README.md", "widget.log.js"]) assert.ok(names.includes(wanted), wanted);
  assert.deepEqual(names.filter((name) => UNWANTED.test(name)), []);
  const dependencies = { "@switchboard-chat/client": `file:${filename}` };
  await writeFile(join(TRIES, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  await npm("install", "--offline", "--no-audit", "--no-fund");
  const exported = JSON.parse(await read("node_modules/@switchboard-chat/client/package.json")).exports;
  const targets = Object.values(exported).flatMap((target) => (target.types ? Object.values(target) : target));
  for (const target of targets) assert.ok(names.includes(target.slice(2)), target);
}

/** Starts the laptop's Switchboard, and adds its URLs and tokens to `env`. */
async function serve() {
  const server = spawn(SWITCHBOARD, ["--port", "0", "--data-dir", join(TRIES, "data")], { env: process.env });
  server.stderr.resume();
  for await (const line of createInterface(server.stdout)) {
    const [, name, value] = /^(CUSTOMER|CHATBOT)=(.*)/.exec(line) ?? [];
    if (name) env[name] = value;
    const [, url] = /listening on (http\S*)/.exec(line) ?? [];
    if (url) env.SWITCHBOARD_URL = url;
    if (line === "Ctrl-C ends it.") break;
  }
  env.SWITCHBOARD_SOCKET = `${env.SWITCHBOARD_URL.replace("http", "ws")}/ws`;
  server.stdout.resume();
  return async () => {
    server.kill("SIGINT");
    await once(server, "exit");
  };
}

/** Checks these files as a strict project does. */
async function strict(folder, include, options) {
  const compilerOptions = { strict: true, noEmit: true, target: "es2024", types: [], ...options };
  const project = join(folder, `tsconfig.${options.module}.json`);
  await writeFile(project, JSON.stringify({ include, compilerOptions }));
  await node(inTools("typescript/bin/tsc"), "--project", project);
}

/** The snippets of README and docs, each as a module of its own. */
async function writeSnippets() {
  await mkdir(join(TRIES, "snippets"), { recursive: true });
  const all = await snippets();
  for (const [at, text] of all.entries()) await writeFile(join(TRIES, `snippets/${at}.tsx`), text);
  return all.length;
}

/** The page that vite has built, in a browser: the widget there talks to a server elsewhere. */
async function show(folder) {
  const kinds = { ".html": "text/html", ".js": "text/javascript" };
  const server = createServer(async ({ url }, response) => {
    const path = join(folder, url === "/" ? "index.html" : url);
    response.setHeader("Content-Type", kinds[extname(path)] ?? "text/plain");
    response.end(await readFile(path).catch(() => ""));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { launch } = await import("./chromium.mjs");
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const field = page.locator("switchboard-chat #field");
    assert.match(await field.getAttribute("placeholder"), /mensaje/);
    await field.fill("Where is my order?");
    await field.press("Enter");
    await page.locator("switchboard-chat .message", { hasText: "You said" }).waitFor();
    // React sets a function as a property, if the element has it.
    assert.ok(await page.locator("switchboard-chat").evaluate((chat) => "token" in chat));
  } finally {
    await browser.close();
    server.close();
  }
}

/** The rows: the tool, the package that has its version, what is done, and the function that does it. */
const HEARS = "asks over its own socket, and hears the bot";
const ROWS = [
  ["Node 20, with ws", "node20", "asks over a socket of ws, and hears the bot", () => talk("node20/bin/node", "ws")],
  ["Node 20, alone", "node20", "warns, polls, and hears the bot", () => talk("node20/bin/node", "none")],
  ["Node 22", "node22", HEARS, () => talk("node22/bin/node", "own")],
  ["Deno", "deno", HEARS, () => talk("@deno/*/deno", "own", "run", "--allow-all", "--node-modules-dir=manual")],
  ["Deno, by URL", "deno", "checks the types of what a server serves", denoByUrl],
  ["Bun", "bun", HEARS, () => talk("@oven/*/bin/bun", "own", "run")],
  ["tsc, a bundler's", "typescript", "strict: the types, and the snippets of README and docs", typescript],
  ["tsc, Node's", "typescript", "strict, without the types of a browser", typescriptOfNode],
  ["tsc, alone", "typescript", "strict, without any other package", typescriptAlone],
  ["esbuild", "esbuild", "bundles all entries, and loads the bundle in Node", esbuild],
  ["vite", "vite", `builds a page with the widget${CHROMIUM ? ", which talks in Chromium" : ""}`, vite],
  ["Next", "next", "builds a page with hooks and widget, rendered on the server", next],
];

/** Runs the script that talks, with a socket that is the runtime's `own`, or of `ws`, or with `none`. */
async function talk(pattern, socket, ...options) {
  await run(await programOf(pattern), [...options, "talk.mjs"], { SOCKET: socket });
}

async function denoByUrl() {
  const text = await read("served.ts");
  const filled = text.replace(/SWITCHBOARD_(URL|SOCKET)/g, (name) => env[name]);
  await writeFile(join(TRIES, "served.ts"), filled);
  await run(await programOf("@deno/*/deno"), ["check", "--no-config", "--allow-import", "served.ts"]);
}

async function typescript() {
  assert.ok((await writeSnippets()) > 5);
  const options = { module: "esnext", moduleResolution: "bundler", jsx: "react-jsx", skipLibCheck: true };
  await strict(TRIES, ["types.tsx", "snippets/*.tsx"], options);
}

async function typescriptOfNode() {
  await strict(TRIES, ["node.ts"], { module: "nodenext", lib: ["es2024"], types: ["node"] });
}

/** In a folder of its own: elsewhere React is found among the tools. */
async function typescriptAlone() {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
  try {
    await cp(join(TRIES, "node_modules"), join(folder, "node_modules"), { recursive: true });
    await writeFile(join(folder, "page.ts"), await read("page.ts"));
    await strict(folder, ["page.ts"], { module: "nodenext" });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function esbuild() {
  const options = ["--bundle", "--format=esm", "--splitting", "--outdir=bundle", "--out-extension:.js=.mjs"];
  await node(inTools("esbuild/bin/esbuild"), "esbuild.js", ...options);
  assert.equal((await node("bundle/esbuild.mjs")).trim(), "function function function function");
}

async function vite() {
  const settings = { VITE_PAGES: env.SWITCHBOARD_URL, VITE_CHATBOT: env.CHATBOT };
  await run(process.execPath, [inTools("vite/bin/vite.js"), "build", "vite"], settings);
  if (CHROMIUM) await show(join(TRIES, "vite/dist"));
}

async function next() {
  await node(inTools("next/dist/bin/next"), "build", "next");
  const page = await read("next/.next/server/app/index.html");
  assert.match(page, /0 messages, loading, connecting/);
  assert.match(page, /<switchboard-chat pages="http:\/\/127.0.0.1:3000" tenant="acme" chatbot="bot_1"/);
}

/** Tries one row; gives its line of the table, and whether it went well. */
async function attempt([tool, name, what, how]) {
  const began = Date.now();
  const error = await how().then(() => {}, (error) => error);
  if (error) console.log(`${tool}: ${error.stack}\ntest ${tool} ... FAILED`);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const line = `| ${[tool, await versionOf(name), what, error ? "FAILED" : "ok", `${seconds} s`].join(" | ")} |`;
  return [line, !error];
}

const names = process.argv.slice(2);
const rows = ROWS.filter(([tool]) => !names.length || names.some((name) => tool.startsWith(name)));
await install();
const stop = await serve();
const lines = ["", "| tool | version | what it does with the package | | time |", "|---|---|---|---|---|"];
let passed = 0;
for (const row of rows) {
  const [line, isOk] = await attempt(row);
  lines.push(line);
  if (isOk) passed++;
}
await stop();
console.log([...lines, ""].join("\n"));
const failed = rows.length - passed;
console.log(`test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; tries of the package`);
process.exitCode = failed ? 1 : 0;
