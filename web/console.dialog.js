/** Modal dialogs. */

import { button, el } from "./console.element.js";

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
