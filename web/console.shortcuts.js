/** Keyboard shortcuts, and the dialog that lists them. */

import { el } from "./console.element.js";
import { openDialog } from "./console.notice.js";

const SINGLE_KEYS_KEY = "switchboard.keys";

const SHORTCUTS = [
  ["j k ↓ ↑", "move through the inbox"],
  ["Enter", "open the conversation"],
  ["1 … 5", "go to a section"],
  ["c", "claim the conversation, or take it over"],
  ["r", "write a reply"],
  ["n", "write a note for agents"],
  ["b", "return the conversation to the bot"],
  ["t", "transfer to another agent"],
  ["e", "end the conversation"],
  ["Esc", "leave the reply; go back to the inbox"],
  ["?", "show this list"],
];

/** True where keys are at hand: a phone has none. */
export const hasKeys = () => !matchMedia("(pointer: coarse)").matches;

const areSingleKeysOn = () => localStorage.getItem(SINGLE_KEYS_KEY) !== "off";

/** Runs the function that `actionOf(key)` returns for a pressed key, unless somebody is typing or a dialog is open. */
export function listenForShortcuts(actionOf) {
  document.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey, target } = event;
    const isTyping = target.closest("input, textarea, select, switchboard-chat");
    const isBusy = isTyping || document.querySelector("dialog[open], :popover-open");
    if (event.defaultPrevented || ctrlKey || metaKey || altKey || isBusy) return;
    // Speech input triggers single-key shortcuts by accident, so they can be switched off.
    if (key.length === 1 && key !== "?" && !areSingleKeysOn()) return;
    // In elements that scroll, the arrow keys scroll.
    if (key.startsWith("Arrow") && target.closest(".virtual-list, .chatbot, .preview, details")) return;
    const action = actionOf(key);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

export async function showShortcuts() {
  const rows = SHORTCUTS.map(([keys, description]) => [
    el("dt", keys.split(" ").map((key) => (key === "…" ? key : el("kbd", key)))),
    el("dd", description),
  ]);
  const checkbox = el("input", { type: "checkbox", name: "single", checked: areSingleKeysOn() });
  const choice = el("label.check", checkbox, "Use single-key shortcuts");
  const fields = [el("dl.keys", rows), choice];
  const data = await openDialog({ title: "Keyboard shortcuts", fields, confirm: "Done", cancel: "" });
  if (data) localStorage.setItem(SINGLE_KEYS_KEY, data.get("single") ? "on" : "off");
}
