/** DOM elements: creating, labelling and reordering them. */

/**
 * Creates an element: `el("p.muted", { id: "x", onclick }, "text", child)`.
 * A property that is a function becomes a listener, and a string child becomes a text node, never markup.
 */
export function el(selector, ...children) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  const props = children[0]?.constructor === Object ? children.shift() : {};
  node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child != null && child !== false));
  return node;
}

/** A button. With `iconOnly` its label becomes the accessible name and the tooltip. */
export function button(label, onclick, { icon: name, iconOnly, class: classes = "", ...props } = {}) {
  const labels = iconOnly ? { "aria-label": label, title: label } : {};
  const children = [name && icon(name), !iconOnly && el("span", label)];
  const className = `${classes}${iconOnly ? " icon-only" : ""}`;
  return el("button", { type: "button", class: className, onclick, ...labels, ...props }, children);
}

const ICON_PATHS = {
  down: "M6 10l6 6 6-6",
  note: "M6 11h12v9H6zM9 11V8a3 3 0 016 0v3",
  bell: "M5 17h14l-2-3v-3a5 5 0 00-10 0v3zM10.5 20h3",
  mute: "M5 17h14l-2-3v-3a5 5 0 00-10 0v3zM10.5 20h3M4 4l16 16",
  "sign-out": "M13 5h5v14h-5M9 8l-4 4 4 4M5 12h9",
  help: "M9.5 9.5a2.5 2.5 0 113.6 2.2c-.8.4-1.1.9-1.1 1.8M12 16.5v.5",
  bot: "M6 9.5h12V18H6zM12 9.500V6M9.500 13v1.500M14.500 13v1.500",
  plus: "M12 6v12M6 12h12",
  close: "M7 7l10 10M17 7L7 17",
};

export function icon(name) {
  const template = document.createElement("template");
  template.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICON_PATHS[name]}"/></svg>`;
  return template.content.firstChild;
}

/** Makes `wanted` the children of `parent` and moves as few nodes as possible: a node that moves loses its focus. */
export function arrangeChildren(parent, wanted) {
  const focused = document.activeElement;
  const kept = new Set(wanted);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let next = parent.firstChild;
  for (const child of wanted) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}
