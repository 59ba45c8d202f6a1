/**
 * A model's markdown as a page's own nodes: `element.replaceChildren(markdown(text))`.
 *
 * What it says is made of `createElement` and text alone: there are no images, HTML stays the text that it is, and a link
 * leads to the web or to a mailbox or is none. Each line is read once a level and each character a few times, and no level
 * lies deeper than the two bounds below, so that no text takes long, however it is meant.
 */

/** Of lists and quotes in each other. */
const LEVELS = 6;
/** Of emphasis and links in each other. */
const NESTED = 12;
const LINK_LONGEST = 2048;

/** @param {string} text */
export function markdown(text) {
  const whole = document.createDocumentFragment();
  blocks(whole, text.replaceAll("\t", "    ").split(/\r\n?|\n/), 0);
  return whole;
}

/** For the element that has it, of the class `markdown`. */
export const style = `
.markdown :is(p, h3, ul, ol, blockquote, pre, div) { margin: .6em 0 }
.markdown :is(p, h3, li, th, td) { unicode-bidi: plaintext; text-align: start }
.markdown h3 { font-size: 1em; font-weight: 650; margin-top: 1em }
.markdown h3.large { font-size: 1.12em }
.markdown :is(ul, ol) { padding-inline-start: 1.5em }
.markdown li { margin: .25em 0 }
.markdown li p { margin: .3em 0 }
.markdown blockquote { margin-inline: 0; padding-inline-start: .8em; border-inline-start: 3px solid color-mix(in srgb, currentColor 25%, transparent) }
.markdown a { color: inherit; text-decoration: underline; text-underline-offset: .15em; unicode-bidi: isolate; border-radius: 3px }
.markdown a:hover { text-decoration-thickness: 2px }
.markdown :is(code, pre) { font: .9em/1.5 ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace }
.markdown code { background: color-mix(in srgb, currentColor 9%, transparent); border-radius: 5px; padding: .1em .3em; unicode-bidi: isolate; -webkit-box-decoration-break: clone; box-decoration-break: clone }
.markdown pre { direction: ltr; text-align: left; border-radius: 10px; background: color-mix(in srgb, currentColor 7%, transparent); overflow: auto }
.markdown pre code { display: block; padding: .7em .9em; background: none; font-size: 1em; width: max-content }
.markdown pre[data-language]::before { content: attr(data-language); position: sticky; left: 0; display: block; padding: .5em .9em 0; font: .85em system-ui, sans-serif; opacity: .75 }
.markdown .table { overflow: auto }
.markdown table { border-collapse: collapse; font-size: .93em }
.markdown :is(th, td) { padding: .35em .7em; border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); vertical-align: top; overflow-wrap: normal }
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
  const over = () => {
    if (paragraph.length) parent.append(inline(made("p"), paragraph.join("\n")));
    paragraph = [];
  };
  for (let at = 0; at < lines.length; ) {
    const line = lines[at].trim();
    const item = level < LEVELS && ITEM.exec(line);
    let found;
    if (!line) {
      over();
      at++;
    } else if ((found = FENCE.exec(line))) {
      over();
      at = code(parent, lines, at, found);
    } else if ((found = HEADING.exec(line))) {
      over();
      const heading = inline(made("h3"), found[2].replace(/(^| )#+$/, ""));
      if (found[1].length < 3) heading.className = "large";
      parent.append(heading);
      at++;
    } else if (RULE.test(line)) {
      over();
      parent.append(made("hr"));
      at++;
    } else if (line[0] === ">" && level < LEVELS) {
      over();
      const quoted = [];
      for (; lines[at]?.trimStart()[0] === ">"; at++) quoted.push(lines[at].trimStart().replace(/^> ?/, ""));
      blocks(parent.appendChild(made("blockquote")), quoted, level + 1);
    } else if (item && (!paragraph.length || (item[2] && !/^[02-9]|^1\d/.test(line)))) {
      // In the middle of a paragraph a year at a line's beginning is no list.
      over();
      at = list(parent, lines, at, level);
    } else if (line.includes("|") && heads(lines[at + 1], line)) {
      over();
      at = table(parent, lines, at);
    } else {
      paragraph.push(line);
      at++;
    }
  }
  over();
}

/** Up to its closing fence, or to the end while that is still to come. */
function code(parent, lines, at, [, fence, info]) {
  const indent = indentOf(lines[at]);
  const said = [];
  const closes = (line) => line.length >= fence.length && line === fence[0].repeat(line.length);
  for (at++; at < lines.length && !closes(lines[at].trim()); at++) said.push(without(lines[at], indent));
  const block = made("pre");
  const language = info.trim().split(" ", 1)[0].slice(0, 20);
  if (language) block.dataset.language = language;
  block.tabIndex = 0;
  block.appendChild(made("code")).textContent = said.join("\n");
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
    const said = [item[2] ?? ""];
    // What is indented belongs to the item; so does a line right behind its words.
    for (at++; at < lines.length; at++) {
      let next = at;
      while (lines[next]?.trim() === "") next++;
      const line = lines[next] ?? "";
      const inside = indentOf(line) >= indent + 2;
      const goesOn = next === at && !starts(line.trim());
      if (!line || !(inside || goesOn)) {
        // Where the list goes on, what was blank in between does not matter.
        const sibling = line && indentOf(line) < outermost && ITEM.exec(line.trim())?.[1].at(-1) === kind;
        if (sibling) at = next;
        break;
      }
      for (; at < next; at++) said.push("");
      said.push(without(line, indent + item[1].length + 1));
    }
    blocks(all.appendChild(made("li")), said, level + 1);
  }
  parent.append(all);
  return at;
}

const starts = (line) => line[0] === ">" || [FENCE, HEADING, RULE, ITEM].some((block) => block.test(line));

/** Whether `line` is what stands under a table's head. */
function heads(line, head) {
  return line?.includes("-") && line.includes("|") && COLUMNS.test(line.trim()) && cells(line).length === cells(head).length;
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

/** Fills `parent` with `text`, and gives it back. */
function inline(parent, text) {
  // What is open: an emphasis' sign or a bracket, and what came since.
  const open = [{ sign: "", size: 0, nodes: [] }];
  let plain = "";
  let ticks;
  const settle = () => {
    if (plain) open.at(-1).nodes.push(plain);
    plain = "";
  };
  const add = (node) => {
    settle();
    open.at(-1).nodes.push(node);
  };
  /** What was opened last and never closed was nothing but its sign. */
  const flatten = () => {
    settle();
    const { sign, size, nodes } = open.pop();
    if (size) open.at(-1).nodes.push(sign.repeat(size));
    for (const node of nodes) open.at(-1).nodes.push(node);
  };
  const flattenTo = (depth) => {
    while (open.length - 1 > depth) flatten();
    settle();
  };

  for (let at = 0; at < text.length; ) {
    const sign = text[at];
    const run = "`*_~".includes(sign) ? lengthOfRun(text, at) : 1;
    const rest = matchAt(PLAIN, text, at);
    let found;
    if (rest) {
      plain += rest[0];
      at += rest[0].length;
    } else if (sign === "\n") {
      add(made("br"));
      at++;
    } else if (sign === "\\" && PUNCTUATION.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
    } else if (sign === "`") {
      ticks ??= lastOfEachLength(text);
      const inside = at + run;
      const end = ticks.get(run) > at && runOf(text, inside, run);
      if (end) add(codeSpan(text.slice(inside, end)));
      else plain += sign.repeat(run);
      at = end ? end + run : inside;
    } else if (sign === "*" || sign === "_" || sign === "~") {
      const [before = " ", after = " "] = [text[at - 1], text[at + run]];
      let left = sign === "~" ? run === 2 && 2 : run < 4 && run;
      const closes = !SPACE.test(before) && !(sign === "_" && WORD.test(after));
      const opens = !SPACE.test(after) && !(sign === "_" && WORD.test(before));
      at += run;
      if (!left) plain += sign.repeat(run);
      for (let depth; left && closes && (depth = open.findLastIndex((it) => it.sign === sign)) > 0; ) {
        flattenTo(depth);
        const emphasis = open.at(-1);
        const size = Math.min(left, emphasis.size);
        emphasis.nodes = [emphasised(sign, size, emphasis.nodes)];
        emphasis.size -= size;
        left -= size;
        if (!emphasis.size) flatten();
      }
      if (!left) continue;
      settle();
      if (opens && open.length <= NESTED) open.push({ sign, size: left, nodes: [] });
      else plain += sign.repeat(left);
    } else if (sign === "[") {
      settle();
      if (open.length <= NESTED) open.push({ sign, size: 1, nodes: [] });
      else plain += sign;
      at++;
    } else if (sign === "]") {
      const depth = open.findLastIndex((it) => it.sign === "[");
      const to = depth > 0 && text[at + 1] === "(" && destination(text, at + 2);
      if (to) {
        flattenTo(depth);
        add(link(to.address, open.pop().nodes));
        at = to.end;
      } else {
        if (depth > 0) flattenTo(depth - 1);
        plain += sign;
        at++;
      }
    } else if (sign === "<" && (found = matchAt(ANGLED, text, at))) {
      const address = allowed(found[1]);
      if (address) add(link(address, [found[1].replace("mailto:", "")]));
      else plain += found[0];
      at += found[0].length;
    } else if (sign === "h" && !WORD.test(text[at - 1] ?? "") && (found = matchAt(BARE, text, at))) {
      const bare = withoutTrailing(found[0]);
      const address = bare.length <= LINK_LONGEST && allowed(bare);
      if (address) add(link(address, [bare]));
      else plain += bare;
      at += bare.length;
    } else {
      plain += sign;
      at++;
    }
  }
  flattenTo(0);
  for (const node of open[0].nodes) parent.append(node);
  return parent;
}

function lengthOfRun(text, at) {
  let end = at + 1;
  while (text[end] === text[at]) end++;
  return end - at;
}

/** Where the last run of backticks of each length begins: behind it, none of its length is looked for. */
function lastOfEachLength(text) {
  const last = new Map();
  for (const { 0: run, index } of text.matchAll(/`+/g)) last.set(run.length, index);
  return last;
}

/** Where the next run of so many backticks begins; there is one. */
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

/** What stands between a link's parentheses, if it is an address and allowed. */
function destination(text, from) {
  let inner = 0;
  for (let at = from; at < text.length && at - from <= LINK_LONGEST; at++) {
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

/** Nothing but a whole address of the web or of a mailbox. */
function allowed(address) {
  try {
    const { protocol, href } = new URL(address);
    return ["http:", "https:", "mailto:"].includes(protocol) && href;
  } catch {
    return false;
  }
}

/** An address at a sentence's end does not have its full stop, nor the parenthesis that it stands in. */
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
