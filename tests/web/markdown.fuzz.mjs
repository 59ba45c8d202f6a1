// A fuzz target for markdown.js: random mixtures of markdown's pieces. Whatever the text, the nodes are of the allowed
// kinds, links lead where they may, and the time is bounded. FUZZ_SEED runs one case, FUZZ_SECONDS as many as fit.

import assert from "node:assert/strict";
import { markdown } from "../../web/markdown.js";

const CASES = 3_000;
const MAX_PIECES = 400;
/** Far above what the longest case takes, since the machine may be busy. */
const MAX_MS = 5_000;

const PIECES = [
  "*", "**", "***", "_", "__", "~~", "`", "``", "```\n", "~~~ js\n", "\\", "[", "](", "](javascript:alert(1))", ")",
  "[a](https://a.example)", "[a](<data:text/html,x>)", "![", "<", ">", "<script>", "</script>", "<img src=x onerror=x>",
  "<https://a.example>", "<javascript:x>", "https://a.example/?q=1", "mailto:a@b.example", "a@b.example", "[^1]",
  "\n", "\n\n", "\r\n", "  ", "    ", "\t", "- ", "* ", "1. ", "999999999. ", "> ", "# ", "###### ", "---\n", "|",
  "|-|\n", "|:-:|\n", "\0", "\u202e", "\ufeff", "\u0301", "👩‍🚀", "\ud800", "&lt;", "&#x6a;", "word", "two words", "(", "1",
];

const ALLOWED = new Set([
  "a", "blockquote", "br", "code", "div", "em", "h3", "hr", "li", "ol", "p", "pre", "s", "strong", "table",
  "tbody", "td", "th", "thead", "tr", "ul",
]);

/** The part of the DOM that markdown.js uses, of which Node has none. */
class Element {
  constructor(name) {
    Object.assign(this, { name, childNodes: [], parent: null, dataset: {}, style: {} });
  }
  appendChild(child) {
    this.append(child);
    return child;
  }
  append(...nodes) {
    for (const node of nodes) {
      const added = node instanceof Element && node.name === "#fragment" ? node.childNodes : [node];
      for (const one of added) if (one instanceof Element) one.parent = this;
      this.childNodes.push(...added);
    }
  }
  replaceWith(...nodes) {
    for (const one of nodes) if (one instanceof Element) one.parent = this.parent;
    this.parent.childNodes.splice(this.parent.childNodes.indexOf(this), 1, ...nodes);
  }
  querySelectorAll(name) {
    const elements = this.childNodes.filter((node) => node instanceof Element);
    return elements.flatMap((node) => [...(node.name === name ? [node] : []), ...node.querySelectorAll(name)]);
  }
  set textContent(text) {
    this.childNodes = [text];
  }
  get textContent() {
    return this.childNodes.map((node) => (node instanceof Element ? node.textContent : String(node))).join("");
  }
}

globalThis.document = {
  createDocumentFragment: () => new Element("#fragment"),
  createElement: (name) => new Element(name),
  createTextNode: (text) => text,
};

/** A generator of numbers from 0 to 1: mulberry32. */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function text(seed) {
  const next = numbers(seed);
  // Few kinds of pieces make deep nests of the same.
  const kinds = Array.from({ length: 1 + Math.floor(next() * 8) }, () => PIECES[Math.floor(next() * PIECES.length)]);
  const length = Math.floor(next() * MAX_PIECES);
  return Array.from({ length }, () => kinds[Math.floor(next() * kinds.length)]).join("");
}

function check(node) {
  assert.ok(node.name === "#fragment" || ALLOWED.has(node.name), `an element ${node.name}`);
  if (node.name === "a") {
    assert.match(new URL(node.href).protocol, /^(https?|mailto):$/, node.href);
    assert.equal(node.rel, "noopener noreferrer nofollow");
    assert.deepEqual(node.querySelectorAll("a"), [], "a link in a link");
  }
  for (const child of node.childNodes) if (child instanceof Element) check(child);
}

const { FUZZ_SEED, FUZZ_SECONDS } = process.env;
const begun = performance.now();
const first = Number(FUZZ_SEED ?? 0);
const count = FUZZ_SECONDS ? Infinity : FUZZ_SEED ? 1 : CASES;
let done = 0;
for (; done < count && !(performance.now() - begun > Number(FUZZ_SECONDS ?? Infinity) * 1000); done++) {
  const seed = first + done;
  const source = text(seed);
  try {
    const started = performance.now();
    const made = markdown(source);
    assert.ok(performance.now() - started < MAX_MS, "it takes too long");
    check(made);
  } catch (error) {
    console.error(`FUZZ_SEED=${seed} repeats the case: ${JSON.stringify(source)}`);
    throw error;
  }
}
console.log(`fuzz::markdown: ${done} cases in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
