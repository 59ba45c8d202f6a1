/**
 * Renders a model's markdown as DOM nodes: `element.replaceChildren(markdown(text))`.
 *
 * Security: nodes are made with `createElement` and text alone. There are no images, HTML is shown as text, and a link
 * that does not lead to `http:`, `https:` or `mailto:` stays text.
 *
 * Running time: each line is read once per level and each character a few times, and the limits below bound the levels,
 * so that a hostile text too is rendered in time proportional to its length.
 */

/** The deepest nesting of lists and quotes. */
const MAX_BLOCK_DEPTH = 6;
/** The deepest nesting of emphasis and links. */
const MAX_INLINE_DEPTH = 12;
const MAX_LINK_LENGTH = 2048;

/** @param {string} text */
export function markdown(text) {
  const whole = document.createDocumentFragment();
  blocks(whole, text.replaceAll("\t", "    ").split(/\r\n?|\n/), 0);
  return whole;
}

/** The styles of an element with the class `markdown`, which contains the nodes. */
export const style = `
.markdown :is(p, h3, ul, ol, blockquote, pre, div) { margin: .6em 0 }
.markdown :is(p, h3, li, th, td) { unicode-bidi: plaintext; text-align: start }
.markdown h3 { font-size: 1em; font-weight: 650; margin-top: 1em }
.markdown h3.large { font-size: 1.12em }
.markdown :is(ul, ol) { padding-inline-start: 1.5em }
.markdown li { margin: .25em 0 }
.markdown li p { margin: .3em 0 }
.markdown blockquote { margin-inline: 0; padding-inline-start: .8em;
  border-inline-start: 3px solid color-mix(in srgb, currentColor 25%, transparent) }
.markdown a { color: inherit; text-decoration: underline; text-underline-offset: .15em; unicode-bidi: isolate;
  border-radius: 3px }
.markdown a:hover { text-decoration-thickness: 2px }
.markdown :is(code, pre) { font: .9em/1.5 ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace }
.markdown code { background: color-mix(in srgb, currentColor 9%, transparent); border-radius: 5px; padding: .1em .3em;
  unicode-bidi: isolate; -webkit-box-decoration-break: clone; box-decoration-break: clone }
.markdown pre { direction: ltr; text-align: left; border-radius: 10px;
  background: color-mix(in srgb, currentColor 7%, transparent); overflow: auto }
.markdown pre code { display: block; padding: .7em .9em; background: none; font-size: 1em; width: max-content }
.markdown pre[data-language]::before { content: attr(data-language); position: sticky; left: 0; display: block;
  padding: .5em .9em 0; font: .85em system-ui, sans-serif; opacity: .75 }
.markdown .table { overflow: auto }
.markdown table { border-collapse: collapse; font-size: .93em }
.markdown :is(th, td) { padding: .35em .7em; vertical-align: top; overflow-wrap: normal;
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent) }
.markdown th { font-weight: 600 }
.markdown hr { border: 0; border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); margin: 1em 0 }
.markdown > :first-child, .markdown :is(li, blockquote) > :first-child { margin-top: 0 }
.markdown > :last-child, .markdown :is(li, blockquote) > :last-child { margin-bottom: 0 }
`;

const FENCE = /^(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^(#{1,6}) +(.*)$/;
const RULE = /^([-*_])( *\1){2,}$/;
const ITEM = /^([-*+]|\d{1,9}[.)])(?: +(.*))?$/;
const COLUMNS = /^[ |:-]+$/;

const indentOf = (line) => line.length - line.trimStart().length;
const without = (line, indent) => line.slice(Math.min(indent, indentOf(line)));

function blocks(parent, lines, level) {
  let paragraph = [];
  const endParagraph = () => {
    if (paragraph.length) parent.append(inline(made("p"), paragraph.join("\n")));
    paragraph = [];
  };
  for (let at = 0; at < lines.length; ) {
    const line = lines[at].trim();
    const item = level < MAX_BLOCK_DEPTH && ITEM.exec(line);
    let found;
    if (!line) {
      endParagraph();
      at++;
    } else if ((found = FENCE.exec(line))) {
      endParagraph();
      at = code(parent, lines, at, found);
    } else if ((found = HEADING.exec(line))) {
      endParagraph();
      const heading = inline(made("h3"), found[2].replace(/(^| )#+$/, ""));
      if (found[1].length < 3) heading.className = "large";
      parent.append(heading);
      at++;
    } else if (RULE.test(line)) {
      endParagraph();
      parent.append(made("hr"));
      at++;
    } else if (line[0] === ">" && level < MAX_BLOCK_DEPTH) {
      endParagraph();
      const quoted = [];
      for (; lines[at]?.trimStart()[0] === ">"; at++) quoted.push(lines[at].trimStart().replace(/^> ?/, ""));
      blocks(parent.appendChild(made("blockquote")), quoted, level + 1);
    } else if (item && (!paragraph.length || (item[2] && !/^[02-9]|^1\d/.test(line)))) {
      // Inside a paragraph, a number other than 1 at the start of a line is a year or the like, not a list.
      endParagraph();
      at = list(parent, lines, at, level);
    } else if (line.includes("|") && heads(lines[at + 1], line)) {
      endParagraph();
      at = table(parent, lines, at);
    } else {
      paragraph.push(line);
      at++;
    }
  }
  endParagraph();
}

/** Renders a code block up to its closing fence; one that is still to come is at the end of the text. */
function code(parent, lines, at, [, fence, info]) {
  const indent = indentOf(lines[at]);
  const content = [];
  const closes = (line) => line.length >= fence.length && line === fence[0].repeat(line.length);
  for (at++; at < lines.length && !closes(lines[at].trim()); at++) content.push(without(lines[at], indent));
  const block = made("pre");
  const language = info.trim().split(" ", 1)[0].slice(0, 20);
  if (language) block.dataset.language = language;
  block.tabIndex = 0;
  block.appendChild(made("code")).textContent = content.join("\n");
  parent.append(block);
  return at + 1;
}

function list(parent, lines, at, level) {
  const [, first] = ITEM.exec(lines[at].trim());
  const kind = first.at(-1);
  const ordered = parseInt(first, 10);
  const all = made(ordered >= 0 ? "ol" : "ul");
  if (ordered >= 0) all.start = ordered;
  const outermost = indentOf(lines[at]) + 2;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at].trim());
    const indent = indentOf(lines[at]);
    if (item?.[1].at(-1) !== kind || indent >= outermost || RULE.test(lines[at].trim())) break;
    const content = [item[2] ?? ""];
    // Indented lines belong to the item, and so does a line that directly follows its text.
    for (at++; at < lines.length; at++) {
      let next = at;
      while (lines[next]?.trim() === "") next++;
      const line = lines[next] ?? "";
      const inside = indentOf(line) >= indent + 2;
      const goesOn = next === at && !starts(line.trim());
      if (!line || !(inside || goesOn)) {
        // Blank lines between two items are skipped.
        const sibling = line && indentOf(line) < outermost && ITEM.exec(line.trim())?.[1].at(-1) === kind;
        if (sibling) at = next;
        break;
      }
      for (; at < next; at++) content.push("");
      content.push(without(line, indent + item[1].length + 1));
    }
    blocks(all.appendChild(made("li")), content, level + 1);
  }
  parent.append(all);
  return at;
}

const starts = (line) => line[0] === ">" || [FENCE, HEADING, RULE, ITEM].some((block) => block.test(line));

/** Returns true if `line` is the row of dashes below the table head `head`. */
function heads(line, head) {
  const isRule = line?.includes("-") && line.includes("|") && COLUMNS.test(line.trim());
  return isRule && cells(line).length === cells(head).length;
}

function table(parent, lines, at) {
  const sides = cells(lines[at + 1]).map((cell) => (cell.endsWith(":") ? (cell[0] === ":" ? "center" : "end") : ""));
  const all = made("table");
  const row = (name, line) => {
    const one = made("tr");
    cells(line).slice(0, sides.length).forEach((text, column) => {
      const cell = inline(made(name), text);
      if (sides[column]) cell.style.textAlign = sides[column];
      one.append(cell);
    });
    return one;
  };
  all.appendChild(made("thead")).append(row("th", lines[at]));
  const body = all.appendChild(made("tbody"));
  for (at += 2; lines[at]?.includes("|"); at++) body.append(row("td", lines[at]));
  const around = made("div");
  around.className = "table";
  around.tabIndex = 0;
  around.append(all);
  parent.append(around);
  return at;
}

function cells(line) {
  const all = [""];
  const bare = line.trim();
  for (let at = bare[0] === "|" ? 1 : 0; at < bare.length; at++) {
    const escaped = bare[at] === "\\" && bare[at + 1] === "|";
    if (escaped) at++;
    if (escaped || bare[at] !== "|") all.push(all.pop() + bare[at]);
    else if (at < bare.length - 1) all.push("");
  }
  return all.map((cell) => cell.trim());
}

const PLAIN = /[^\\`*_~[\]<\nh]+/y;
const BARE = /https?:\/\/[^\s<>"`[\]]+/y;
const ANGLED = /<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/y;
const TITLE = /\s+"[^"\n]*"\s*\)/y;
const SPACE = /\s/;
const WORD = /[\p{L}\p{N}]/u;
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const TRAILING = new Set(".,;:!?'*_~،؛؟。，");

const matchAt = (pattern, text, at) => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

/** Renders `text` into `parent`, and returns `parent`. */
function inline(parent, text) {
  for (const node of new Inline(text).nodes()) parent.append(node);
  return parent;
}

/** A parser of the text inside one block: code, emphasis, links and line breaks. */
class Inline {
  #text;
  #at = 0;
  /** The plain text since the last node. */
  #plain = "";
  /** The open emphases and brackets inside each other: the sign, how many of it, and the nodes since. */
  #open = [{ sign: "", size: 0, nodes: [] }];
  #ticks;

  constructor(text) {
    this.#text = text;
  }

  nodes() {
    while (this.#at < this.#text.length) this.#step();
    this.#flattenTo(0);
    return this.#open[0].nodes;
  }

  #step() {
    const text = this.#text;
    const at = this.#at;
    const sign = text[at];
    const [plain] = matchAt(PLAIN, text, at) ?? [];
    let found;
    if (plain) this.#keep(plain);
    else if (sign === "\n") this.#add(made("br"), at + 1);
    else if (sign === "`") this.#code();
    else if (sign === "*" || sign === "_" || sign === "~") this.#emphasis(sign);
    else if (sign === "[") this.#openBracket();
    else if (sign === "]") this.#closeBracket();
    else if (sign === "\\" && PUNCTUATION.test(text[at + 1] ?? "")) this.#keep(text[at + 1], at + 2);
    else if (sign === "<" && (found = matchAt(ANGLED, text, at))) this.#angled(found);
    else if (sign === "h" && !WORD.test(text[at - 1] ?? "") && (found = matchAt(BARE, text, at))) this.#bare(found[0]);
    else this.#keep(sign);
  }

  /** Adds plain text, and goes on at `end`. */
  #keep(plain, end = this.#at + plain.length) {
    this.#plain += plain;
    this.#at = end;
  }

  /** Adds a node, and goes on at `end`. */
  #add(node, end) {
    this.#settle();
    this.#open.at(-1).nodes.push(node);
    this.#at = end;
  }

  #settle() {
    if (this.#plain) this.#open.at(-1).nodes.push(this.#plain);
    this.#plain = "";
  }

  /** Turns the innermost emphasis or bracket, which was never closed, into its sign and its nodes. */
  #flatten() {
    this.#settle();
    const { sign, size, nodes } = this.#open.pop();
    const outer = this.#open.at(-1).nodes;
    if (size) outer.push(sign.repeat(size));
    for (const node of nodes) outer.push(node);
  }

  #flattenTo(depth) {
    while (this.#open.length - 1 > depth) this.#flatten();
    this.#settle();
  }

  /** The depth of the innermost open emphasis or bracket with this sign; -1 without one. */
  #depthOf(sign) {
    return this.#open.findLastIndex((one) => one.sign === sign);
  }

  #code() {
    const text = this.#text;
    const run = lengthOfRun(text, this.#at);
    const inside = this.#at + run;
    this.#ticks ??= lastOfEachLength(text);
    const end = this.#ticks.get(run) > this.#at && runOf(text, inside, run);
    if (end) this.#add(codeSpan(text.slice(inside, end)), end + run);
    else this.#keep("`".repeat(run));
  }

  #emphasis(sign) {
    const text = this.#text;
    const run = lengthOfRun(text, this.#at);
    const [before = " ", after = " "] = [text[this.#at - 1], text[this.#at + run]];
    const closes = !SPACE.test(before) && !(sign === "_" && WORD.test(after));
    const opens = !SPACE.test(after) && !(sign === "_" && WORD.test(before));
    const isEmphasis = sign === "~" ? run === 2 : run < 4;
    if (!isEmphasis) return this.#keep(sign.repeat(run));
    this.#at += run;
    const left = closes ? this.#closeEmphasis(sign, run) : run;
    if (left) this.#openOrKeep(sign, left, opens);
  }

  /** Closes open emphases with up to `left` signs, and returns how many signs are left. */
  #closeEmphasis(sign, left) {
    for (let depth; left && (depth = this.#depthOf(sign)) > 0; ) {
      this.#flattenTo(depth);
      const emphasis = this.#open.at(-1);
      const size = Math.min(left, emphasis.size);
      emphasis.nodes = [emphasised(sign, size, emphasis.nodes)];
      emphasis.size -= size;
      left -= size;
      if (!emphasis.size) this.#flatten();
    }
    return left;
  }

  #openOrKeep(sign, size, opens) {
    this.#settle();
    if (opens && this.#open.length <= MAX_INLINE_DEPTH) this.#open.push({ sign, size, nodes: [] });
    else this.#plain += sign.repeat(size);
  }

  #openBracket() {
    this.#at++;
    this.#openOrKeep("[", 1, true);
  }

  #closeBracket() {
    const depth = this.#depthOf("[");
    const isLink = depth > 0 && this.#text[this.#at + 1] === "(";
    const to = isLink && destination(this.#text, this.#at + 2);
    if (depth > 0) this.#flattenTo(to ? depth : depth - 1);
    if (to) this.#add(link(to.address, this.#open.pop().nodes), to.end);
    else this.#keep("]");
  }

  #angled([whole, inner]) {
    const address = allowed(inner);
    if (address) this.#add(link(address, [inner.replace("mailto:", "")]), this.#at + whole.length);
    else this.#keep(whole);
  }

  #bare(found) {
    const bare = withoutTrailing(found);
    const address = bare.length <= MAX_LINK_LENGTH && allowed(bare);
    if (address) this.#add(link(address, [bare]), this.#at + bare.length);
    else this.#keep(bare);
  }
}

function lengthOfRun(text, at) {
  let end = at + 1;
  while (text[end] === text[at]) end++;
  return end - at;
}

/** Maps each length of a run of backticks to the start of the last such run; no search goes past it. */
function lastOfEachLength(text) {
  const last = new Map();
  for (const { 0: run, index } of text.matchAll(/`+/g)) last.set(run.length, index);
  return last;
}

/** Returns the start of the next run of exactly `length` backticks. The caller knows that there is one. */
function runOf(text, at, length) {
  for (let run; ; at += run) {
    at = text.indexOf("`", at);
    run = lengthOfRun(text, at);
    if (run === length) return at;
  }
}

function codeSpan(text) {
  const span = made("code");
  const bare = text.replaceAll("\n", " ");
  span.textContent = bare.length > 2 && bare[0] === " " && bare.at(-1) === " " ? bare.slice(1, -1) : bare;
  return span;
}

function emphasised(sign, size, nodes) {
  const outer = made(sign === "~" ? "s" : size === 1 ? "em" : "strong");
  const inner = size === 3 ? outer.appendChild(made("em")) : outer;
  for (const node of nodes) inner.append(node);
  return outer;
}

/** Parses the address between a link's parentheses, and returns it if it is allowed. */
function destination(text, from) {
  let inner = 0;
  for (let at = from; at < text.length && at - from <= MAX_LINK_LENGTH; at++) {
    const sign = text[at];
    if (sign === "(" && ++inner > 1) return;
    const title = SPACE.test(sign) && matchAt(TITLE, text, at);
    if (SPACE.test(sign) && !title) return;
    if (title || (sign === ")" && --inner < 0)) {
      const address = allowed(text.slice(from, at));
      return address && { address, end: title ? TITLE.lastIndex : at + 1 };
    }
  }
}

/** Returns the normalised address if it is absolute and leads to the web or to a mailbox. */
function allowed(address) {
  try {
    const { protocol, href } = new URL(address);
    return ["http:", "https:", "mailto:"].includes(protocol) && href;
  } catch {
    return false;
  }
}

/** Cuts off the punctuation that ends the sentence around an address, and the parenthesis around it. */
function withoutTrailing(address) {
  let end = address.length;
  let unopened = address.split(")").length - address.split("(").length;
  while (TRAILING.has(address[end - 1]) || (address[end - 1] === ")" && unopened-- > 0)) end--;
  return address.slice(0, end);
}

function link(address, nodes) {
  const anchor = made("a");
  anchor.href = anchor.title = address;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer nofollow";
  for (const node of nodes) anchor.append(node);
  for (const inner of anchor.querySelectorAll("a")) inner.replaceWith(...inner.childNodes);
  return anchor;
}

const made = (name) => document.createElement(name);
