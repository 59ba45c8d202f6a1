/** Messages to the agent: toasts, announcements for screen readers, dialogs, errors, empty and loading views. */

import { button, el } from "./console.element.js";
import { nameOf } from "./console.people.js";

const TOAST_DURATION_MS = 8000;
const MAX_ANNOUNCEMENTS = 5;
const MAX_ANNOUNCEMENT_CHARACTERS = 300;

const toasts = el("div.toasts", { role: "status" });
const announcements = el("div.visually-hidden", { role: "log", "aria-live": "polite", "aria-label": "Updates" });
document.body.append(toasts, announcements);

/** Shows a text for some seconds, or with a link until it is closed; it replaces a toast with the same text. */
export function showToast(text, href) {
  for (const toast of toasts.children) if (toast.textContent === text) toast.remove();
  const close = () => toast.remove();
  const words = href ? el("a", { href, onclick: close, dir: "auto" }, text) : el("span", { dir: "auto" }, text);
  const toast = el("div.toast", words, button("Close", close, { icon: "close", iconOnly: true }));
  toasts.append(toast);
  if (!href) setTimeout(close, TOAST_DURATION_MS);
}

/** Announces a text to screen readers. */
export function announce(text) {
  announcements.append(el("p", { dir: "auto" }, text.slice(0, MAX_ANNOUNCEMENT_CHARACTERS)));
  while (announcements.children.length > MAX_ANNOUNCEMENTS) announcements.firstChild.remove();
}

/** A failed request's error as a sentence. */
export function errorText(error) {
  if (error.agent) return `${nameOf(error.agent)} claimed it first.`;
  if (error.code === "network") return "The server could not be reached. Check your connection and try again.";
  if (error.status === 429) return "Too many requests. Wait a moment and try again.";
  return sentence(error.detail || error.message || "The request failed");
}

/** A reason as a sentence: with a capital letter and a full stop. */
export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

export function emptyView(title, text, props = {}, ...more) {
  return el("div.empty", props, title && el("h2", title), el("p", text), more);
}

export function loadingView() {
  return el("p.empty", { role: "status" }, "Loading…");
}

export function errorView(title, error, retry) {
  const again = button("Try again", retry, { class: "primary" });
  return emptyView(title, errorText(error), { role: "alert" }, again);
}

/**
 * Opens a dialog. Resolves to the form's data once `confirm` is clicked, to `null` once the dialog is cancelled.
 * An empty `cancel` leaves out the button.
 */
export function openDialog({ title, text, fields = [], confirm, cancel = "Cancel", danger = false }) {
  return new Promise((resolve) => {
    const form = el(
      "form",
      { onsubmit: (event) => (event.preventDefault(), dialog.close("confirmed")) },
      el("h2", { id: "dialog-title" }, title),
      text && el("p", { dir: "auto" }, text),
      fields,
      el(
        "div.row.align-end",
        cancel && button(cancel, () => dialog.close()),
        el("button", { class: danger ? "danger" : "primary" }, confirm),
      ),
    );
    const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "confirmed" ? new FormData(form) : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
