/** Elements of the page. What a person or a model wrote becomes text in them, never markup. */

/**
 * `el("p.muted", { id: "x", onclick }, "text", child)`: what is called `on…` listens; what is null or false is left out.
 * @returns {HTMLElement}
 */
export function el(what, props, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child != null && child !== false));
  return node;
}

/** A button in words, with an icon before them or in their place (`only`). */
export function button(words, onclick, { icon: name, only, class: classes = "", ...props } = {}) {
  const label = only ? { "aria-label": words, title: words } : {};
  const children = [name && icon(name), !only && el("span", null, words)];
  return el("button", { type: "button", class: `${classes}${only ? " only" : ""}`, onclick, ...label, ...props }, children);
}

const STROKES = {
  back: "M14 6l-6 6 6 6",
  down: "M6 10l6 6 6-6",
  note: "M6 11h12v9H6zM9 11V8a3 3 0 016 0v3",
  sound: "M5 9.5v5h3.5L13 18V6L8.5 9.5zM16.5 9a4.5 4.5 0 010 6",
  mute: "M5 9.5v5h3.5L13 18V6L8.5 9.5zM16.5 10l4 4m0-4l-4 4",
  out: "M13 5h5v14h-5M9 8l-4 4 4 4M5 12h9",
  help: "M9.5 9.5a2.5 2.5 0 113.6 2.2c-.8.4-1.1.9-1.1 1.8M12 16.5v.5",
  bot: "M6 9.5h12V18H6zM12 9.500V6M9.500 13v1.500M14.500 13v1.500",
  plus: "M12 6v12M6 12h12",
  close: "M7 7l10 10M17 7L7 17",
};

/** Said elsewhere in words. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", STROKES[name]);
  svg.append(path);
  return svg;
}

/** Puts `wanted` into `parent`, in that order, and moves none that may stay: a moved one loses its focus. */
export function arrange(parent, wanted) {
  const focused = document.activeElement;
  const staying = new Set(wanted);
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove();
  let next = parent.firstChild;
  for (const child of wanted) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

/** What is told in passing stays so long. */
const TOLD = 8000;

/**
 * Puts a question, with whatever is to be filled in.
 * @returns {Promise<FormData | null>} null: nothing is to be done
 */
export function ask({ title, text, fields = [], yes, no = "Cancel", danger = false }) {
  return new Promise((answered) => {
    const form = el(
      "form",
      { onsubmit: (event) => (event.preventDefault(), dialog.close("yes")) },
      el("h2", { id: "asked" }, title),
      text && el("p", { dir: "auto" }, text),
      fields,
      el(
        "div.row.end",
        null,
        no && button(no, () => dialog.close()),
        el("button", { class: danger ? "danger" : "primary" }, yes),
      ),
    );
    const dialog = el("dialog", { "aria-labelledby": "asked" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      answered(dialog.returnValue === "yes" ? new FormData(form) : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const toasts = el("div.toasts", { role: "status" });
const voice = el("div.unseen", { role: "log", "aria-live": "polite", "aria-label": "What is new" });
document.body.append(toasts, voice);

/** Says it on the screen, and aloud. */
export function tell(text) {
  for (const toast of toasts.children) if (toast.textContent === text) toast.remove();
  const toast = el("div.toast", null, el("span", { dir: "auto" }, text));
  toast.append(button("Close", () => toast.remove(), { icon: "close", only: true }));
  toasts.append(toast);
  setTimeout(() => toast.remove(), TOLD);
}

/** Says it to those who listen to the page. */
export function announce(text) {
  voice.append(el("p", { dir: "auto" }, text.slice(0, 300)));
  while (voice.children.length > 5) voice.firstChild.remove();
}
