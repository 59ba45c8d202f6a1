/** The lines under an answer: that it was cut off, and the documents that it cites. Loaded with the first of them. */

const TEXTS = {
  cut: "The answer was cut off here.",
  sources: "Sources: {names}",
};

/** The lines of a message as elements. `texts` may replace the English texts. */
export function footnotes({ cut, sources = [] }, texts) {
  const { cut: cutText, sources: sourcesText } = { ...TEXTS, ...texts };
  const lines = [];
  if (cut) lines.push(cutText);
  // Each name keeps its own direction.
  const names = sources.map(({ document }) => `\u2068${document}\u2069`).join(", ");
  if (names) lines.push(sourcesText.replace("{names}", () => names));
  return lines.map((line) => Object.assign(document.createElement("p"), { className: "footnote", textContent: line }));
}
