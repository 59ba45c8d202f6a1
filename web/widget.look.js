/** The widget's texts, elements and styles. */

export const TEXTS = {
  chat: "Chat",
  open: "Open the chat",
  close: "Close the chat",
  unread: "{n} unread",
  more: "More",
  write: "Write a message…",
  send: "Send",
  ask: "Talk to a person",
  end: "End conversation",
  anew: "New conversation",
  download: "Download transcript",
  earlier: "Earlier messages",
  you: "You",
  ai: "AI",
  typing: "{name} is typing…",
  waiting: "Keep writing. A person will read it.",
  bot: "AI assistant",
  queued: "Waiting for a person",
  agent: "You are talking to a person",
  ended: "The conversation has ended",
  escalated: "A person was asked to take over",
  failure: "Sorry, I cannot answer right now. A person was asked to take over",
  claimed: "{name} took over",
  released: "The assistant answers again",
  withdrawn: "An unfinished answer was withdrawn",
  connecting: "Connecting…",
  offline: "You are offline. The chat will resume automatically.",
  polling: "The connection is slow. Messages may take a moment.",
  sending: "Sending…",
  unsent: "Not sent",
  retry: "Try again",
  discard: "Discard",
  forbidden: "This chat is not available here.",
  not_found: "This chat no longer exists.",
  over_budget: "Too many requests. Try again later.",
  problem: "That did not work. Try again.",
};

/** A `name` is the name of a text, and of a button's action. */
export const SHELL = `<section id="section">
<dialog id="panel" tabindex="-1" aria-labelledby="title">
  <header>
    <span id="face" aria-hidden="true"></span>
    <div><h2 id="title"></h2><p id="line"></p></div>
    <button id="more" name="more" aria-controls="menu"><svg><path d="M4.5 10h0m5.5 0h0m5.5 0h0"/></svg></button>
    <div id="menu" hidden><button name="download"></button><button name="end"></button></div>
    <button name="close"><svg><path d="m6 6 8 8m0-8-8 8"/></svg></button>
  </header>
  <p id="notice" role="status"></p>
  <p id="waiting"><span name="waiting"></span><button name="end"></button></p>
  <div id="scroll" tabindex="0"><div>
    <button id="earlier" name="earlier"></button>
    <div id="log"><div id="past"></div><div id="fresh" role="log"></div></div>
    <div id="now"></div><div id="unsent"></div><p id="progress"></p><p id="typing"></p>
  </div></div>
  <p id="problem" role="alert"></p>
  <div id="composer">
    <textarea id="field" rows="2" maxlength="32000"></textarea>
    <button id="ask" name="ask"></button>
    <button id="send" name="send"><svg><path d="M10 16V4M5 9l5-5 5 5"/></svg></button>
  </div>
  <div id="over"><button name="anew"></button></div>
</dialog>
<button id="launcher" name="open" aria-controls="panel">
  <svg><path d="M17 9.5a7 6.5 0 0 1-10 5.8L3 16.5l1.2-3.6A6 6 0 0 1 3 9.5a7 6.5 0 0 1 14 0Z"/></svg>
  <svg><path d="m5 8 5 5 5-5"/></svg>
  <span id="badge" aria-hidden="true"></span>
</button>
</section>`;

export const STYLE = `
:host {
  all: initial;
  display: contents;
  color-scheme: light dark;
}
:host([theme="light"]) { color-scheme: light }
:host([theme="dark"]) { color-scheme: dark }
:host([hidden]), [hidden], p:empty, #badge:empty, dialog:not(.queued) #waiting, dialog:not(.bot) #ask,
dialog:not(.ended) #over, .ended #composer, .ended [name="end"] { display: none !important }

* { box-sizing: border-box; margin: 0 }
section {
  --accent: var(--switchboard-accent, #4f46e5);
  --paper: var(--switchboard-paper, light-dark(#fff, #191b20));
  --soft: var(--switchboard-soft, light-dark(#f2f3f6, #272a31));
  --ink: var(--switchboard-ink, light-dark(#181a1f, #eceef2));
  --muted: var(--switchboard-muted, light-dark(#5c626e, #a3a9b5));
  --line: var(--switchboard-line, light-dark(#e2e4e9, #373b44));
  --alarm: light-dark(#b3261e, #ff9d92);
  /* Black or white, by the luminance of WCAG. */
  --white: clamp(0, (.18 - y) * 999, 1);
  --on-accent: color(from var(--accent) xyz calc(.95 * var(--white)) var(--white) calc(1.09 * var(--white)));
  font: 15px/1.5 var(--switchboard-font, system-ui, sans-serif);
  color: var(--ink);
  overflow-wrap: anywhere;
}
button, textarea, h2 { font: inherit; color: inherit; background: none; border: 0; padding: 0 }
button { cursor: pointer; min-height: 24px; border-radius: 8px }
:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px }
svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round; display: block }
button:has(svg) { padding: 7px; border-radius: 50% }
button:hover { background: var(--soft) }

#launcher, dialog { position: fixed; z-index: 99999; inset-block: auto 20px; inset-inline: auto 20px }
#launcher { padding: 19px; border-radius: 50%; box-shadow: 0 6px 20px -4px #0006 }
#launcher svg { scale: 1.4 }
#launcher[aria-expanded="true"] svg:first-child, #launcher[aria-expanded="false"] svg + svg { display: none }
#badge { position: absolute; inset: -3px -3px auto auto; min-width: 22px; padding: 0 6px; border-radius: 18px;
  background: var(--alarm); color: var(--paper); font-size: 13px }
dialog { width: 396px; height: min(660px, 100dvh - 112px); margin-bottom: 72px; padding: 0; border-radius: 20px;
  color: inherit; overflow: hidden; flex-direction: column; outline: 0 }
dialog, #menu { border: 1px solid var(--line); background: var(--paper); box-shadow: 0 16px 48px -12px #0004 }
dialog[open] { display: flex; animation: appear .2s }
@keyframes appear { from { opacity: 0; translate: 0 8px } }

header { display: flex; align-items: center; gap: 4px; padding: 14px; border-bottom: 1px solid var(--line) }
header > span + div { flex: 1; min-width: 0; margin-inline-start: 8px; line-height: 1.3 }
h2, bdi { font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--ink) }
#face { width: 38px; line-height: 38px; border-radius: 50%; text-align: center; font-weight: 600 }
#menu { display: grid; position: absolute; z-index: 1; inset-block-start: 54px; inset-inline-end: 14px;
  padding: 6px; border-radius: 12px }
#menu button { padding: 7px 12px; text-align: start }
#notice, #waiting { display: flex; align-items: center; justify-content: space-between; padding: 9px 16px;
  background: var(--soft) }
#notice { position: absolute; inset: 67px 0 auto }
#notice, .state { animation: appear .2s 1.5s both }
p button { flex: none; margin-inline-start: 10px; color: var(--ink); font-weight: 600; text-decoration: underline }
p:not(.markdown *), #earlier, #ask { font-size: 13px; color: var(--muted) }

#scroll { flex: 1; display: flex; flex-direction: column-reverse; overflow: hidden auto;
  overscroll-behavior: contain; padding: 16px; outline-offset: -3px }
.message { display: grid; grid-template-columns: minmax(0, 1fr); justify-items: start; margin-top: 14px }
.again { margin-top: 5px }
.again .who { position: absolute; clip-path: inset(50%) }
.who { display: flex; align-items: baseline; gap: 7px; max-width: calc(100% - 8px); margin: 0 4px 4px }
.who span { padding: 0 5px; border: 1px solid var(--line); border-radius: 5px; font-size: 11px; line-height: 15px }
.message > div { max-width: min(100%, 320px); padding: 9px 13px; border-radius: 18px; background: var(--soft);
  overflow: hidden; white-space: pre-wrap; unicode-bidi: plaintext; text-align: start }
.message > .markdown { white-space: normal }
.customer { justify-items: end }
#face, #send, #launcher, #over button, .customer > div { background: var(--accent); color: var(--on-accent) }
.event { margin: 16px 20px; text-align: center }
.state, .footnote { margin: 4px 4px 0 }
.state { text-align: end }
p.failed { animation: none }
#problem, p.failed { color: var(--alarm) }
#progress, #typing { margin: 14px 4px 0; white-space: pre-wrap; unicode-bidi: plaintext }
#typing { animation: appear 1s infinite alternate }
#problem { padding: 8px 18px }
#earlier { display: block; margin: auto; padding: 4px 12px; overflow-anchor: none }
#composer { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 6px; margin: 0 12px 12px;
  padding: 10px 8px 8px 14px; border: 1px solid var(--line); border-radius: 18px }
#composer:focus-within { border-color: var(--ink) }
textarea { width: 100%; min-height: 1lh; max-height: 140px; field-sizing: content; resize: none;
  unicode-bidi: plaintext; text-align: start; outline: 0 !important }
::placeholder { color: var(--muted); opacity: 1 }
#ask { margin-inline-start: -8px; padding: 4px 8px }
#send { margin-inline-start: auto }
#over { padding: 18px; text-align: center }
#over button { padding: 8px 18px; border-radius: 18px; font-weight: 600 }
@media (max-width: 480px) {
  dialog { inset: 0; margin: 0; min-width: 100%; min-height: 100dvh; border: 0; border-radius: 0 }
  textarea { font-size: 16px }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important } }
@media (forced-colors: active) { .message > div, #launcher, button:has(svg) { border: 1px solid } }
`;

export function create(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

export function styleSheet(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}

/** Isolates the value: a name keeps its own direction. */
export const fill = (text, value) => text.replace(/{\w+}/, () => `\u2068${value}\u2069`);
