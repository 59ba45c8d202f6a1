/** The keyboard: one key for each thing, as long as nobody is typing. */

import { ask, el } from "./console.element.js";

const PLACE = "switchboard.keys";

/** What the keys do, as `?` shows it. */
const KEYS = [
  ["j k ↓ ↑", "through the inbox"],
  ["Enter", "open"],
  ["1 … 5", "Queue, Mine, Others’, Bot, Ended"],
  ["c", "claim, or take over"],
  ["r", "reply"],
  ["n", "note for agents"],
  ["b", "give the line to the bot"],
  ["t", "transfer to another agent"],
  ["e", "end"],
  ["Esc", "leave the reply; back to the inbox"],
  ["?", "this list"],
];

const isTyping = ({ target }) => target.closest("input, textarea, select, [contenteditable]");

/** @param {(key: string) => ((() => void) | undefined)} actionOf what a key does right now, if anything */
export function listen(actionOf) {
  document.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey, target } = event;
    if (
      event.defaultPrevented ||
      ctrlKey ||
      metaKey ||
      altKey ||
      isTyping(event) ||
      document.querySelector("dialog[open], :popover-open")
    )
      return;
    // Single keys get in the way of those who speak to their computer; Escape and the arrows do not.
    if (key.length === 1 && key !== "?" && localStorage.getItem(PLACE) === "off") return;
    // What scrolls goes on to.
    if (key.startsWith("Arrow") && target.closest(".roll, .chatbot, .tryit, details")) return;
    const action = actionOf(key);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

export async function showKeys() {
  const rows = KEYS.map(([keys, what]) => [
    el(
      "dt",
      null,
      keys.split(" ").map((key) => (key === "…" ? key : el("kbd", null, key))),
    ),
    el("dd", null, what),
  ]);
  const single = el("input", { type: "checkbox", name: "single", checked: localStorage.getItem(PLACE) !== "off" });
  const choice = el("label.check", null, single, "Single keys do something");
  const filled = await ask({ title: "Keyboard", fields: [el("dl.keys", null, rows), choice], yes: "Done", no: "" });
  if (filled) localStorage.setItem(PLACE, filled.get("single") ? "on" : "off");
}
