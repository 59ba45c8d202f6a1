/**
 * A list of which only the visible rows, and some around them, are in the document. A row's height is measured once it
 * is drawn and estimated before. As heights turn out different, the row that is being read stays at its place on the
 * screen; a list that is scrolled to its end stays at its end.
 */

import { el } from "./console.element.js";

/** The list counts as scrolled to its end within this distance. */
const END_DISTANCE_PX = 40;
/** Time without a scroll event after which the reader has stopped scrolling. */
const SCROLL_IDLE_MS = 150;
/** Layout passes per frame: the heights measured in one may bring further rows into view. */
const MAX_LAYOUTS = 4;
/** The estimated height of a row while none has been measured. */
const FIRST_ESTIMATE_PX = 80;

export class VirtualList {
  atEnd = true;
  #rows = [];
  /** By key: the row's index, its node with the fingerprint it was drawn from, and its measured height. */
  #indexes = new Map();
  #drawn = new Map();
  #heights = new Map();
  #measuredSum = 0;
  /** The rows' distances from the top, and the whole height at the end. */
  #tops = [0];
  /** Offset of the drawn rows while the reader scrolls: setting `scrollTop` then would stop the movement. */
  #offset = 0;
  /** The first visible row, `above` px of which are hidden while the list is scrolled to `top`. */
  #anchor = null;
  /** The `scrollTop` set last. The reader has scrolled if it is different. */
  #setTop = 0;
  /** The timer that ends the reader's scrolling; 0 while the list rests. */
  #scrolling = 0;
  #frame = 0;
  #above = el("div");
  #below = el("div");
  #resizes = new ResizeObserver(() => this.#renderLater());
  #draw;
  #onFirstVisible;

  /** `draw(row)` returns a row's element; `onFirstVisible(row)` is called with the first visible row. */
  constructor(props, draw, onFirstVisible = () => {}) {
    this.#draw = draw;
    this.#onFirstVisible = onFirstVisible;
    this.node = el("div.virtual-list", { tabindex: "0", ...props }, this.#above, this.#below);
    this.node.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#resizes.observe(this.node);
  }

  show(rows) {
    const { scrollTop } = this.node;
    const indexes = new Map(rows.map((row, index) => [row.key, index]));
    this.#anchorAt(scrollTop, ({ key }) => indexes.has(key));
    this.#rows = rows;
    this.#indexes = indexes;
    // Now rather than in the next frame: the reader may scroll before that.
    this.#updateTops();
    this.#offset = scrollTop - this.#anchoredTop(scrollTop);
    this.#renderLater();
  }

  scrollToEnd() {
    this.atEnd = true;
    this.#renderLater();
  }

  get screensAbove() {
    return this.node.scrollTop / (this.node.clientHeight || 1);
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.node;
    if (Math.abs(scrollTop - this.#setTop) < 1) return;
    clearTimeout(this.#scrolling);
    this.#scrolling = setTimeout(() => this.#scrollStopped(), SCROLL_IDLE_MS);
    const below = scrollHeight - scrollTop - clientHeight;
    // A reader who scrolls up wants to leave the end, however short the way. A list that grew taller is at its end.
    this.atEnd = below <= 1 || (scrollTop > this.#setTop && below < END_DISTANCE_PX);
    this.#renderLater();
  }

  #scrollStopped() {
    this.#scrolling = 0;
    this.#renderLater();
  }

  #renderLater() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.node.isConnected && this.node.clientHeight) this.#render();
    });
  }

  #render() {
    const { clientHeight } = this.node;
    let top = this.#currentTop();
    for (let layouts = 0; layouts < MAX_LAYOUTS; layouts++) {
      this.#updateTops();
      const total = this.#tops.at(-1);
      top = this.#wantedTop(top, total - clientHeight);
      const from = this.#indexAt(top - this.#offset - clientHeight);
      const to = Math.min(this.#rows.length, this.#indexAt(top - this.#offset + 2 * clientHeight) + 1);
      this.#drawRange(from, to);
      this.#above.style.height = `${this.#tops[from] + this.#offset}px`;
      this.#below.style.height = `${total - this.#tops[to]}px`;
      const isSettled = this.#measure(from, to);
      if (Math.abs(this.node.scrollTop - top) >= 1) this.node.scrollTop = top;
      if (isSettled) break;
    }
    this.#setTop = this.node.scrollTop;
    this.#anchorAt(this.#setTop);
    if (this.#anchor) this.#onFirstVisible(this.#rows[this.#indexes.get(this.#anchor.key)]);
  }

  /** The current `scrollTop`, anchored anew if the reader has scrolled. */
  #currentTop() {
    const top = this.node.scrollTop;
    if (Math.abs(top - (this.#anchor?.top ?? top)) >= 1) this.#anchorAt(top);
    return top;
  }

  /** Anchors the list at the first row visible at `top` that `stays`. */
  #anchorAt(top, stays = () => true) {
    let index = this.#indexAt(top - this.#offset);
    while (index < this.#rows.length && !stays(this.#rows[index])) index++;
    const row = this.#rows[index];
    this.#anchor = row && { key: row.key, top, above: top - this.#offset - this.#tops[index] };
  }

  /** The `scrollTop` at which the anchor is where it was; `top` if there is no anchor. */
  #anchoredTop(top) {
    const index = this.#indexes.get(this.#anchor?.key);
    return index === undefined ? top : this.#tops[index] + this.#anchor.above;
  }

  /** The `scrollTop` to set, within the list. While the reader scrolls, the rows are offset instead. */
  #wantedTop(top, max) {
    const wanted = this.#anchoredTop(top);
    this.#offset = top - wanted;
    const from = this.#indexAt(wanted - this.node.clientHeight);
    const hasRoom = from > 0 && this.#tops[from] + this.#offset >= 0;
    if (this.#scrolling && hasRoom && !this.atEnd) return top;
    this.#offset = 0;
    return Math.max(0, this.atEnd ? max : Math.min(wanted, max));
  }

  /** Puts the rows from `from` to before `to` into the document and removes all others. */
  #drawRange(from, to) {
    for (const [key, { node }] of this.#drawn) {
      const index = this.#indexes.get(key);
      if (index >= from && index < to) continue;
      if (node.contains(document.activeElement)) this.node.focus({ preventScroll: true });
      this.#remove(key);
    }
    let next = this.#above.nextSibling;
    for (const row of this.#rows.slice(from, to)) {
      let drawn = this.#drawn.get(row.key);
      if (drawn?.fingerprint !== row.fingerprint) {
        const node = this.#draw(row);
        if (drawn) {
          if (next === drawn.node) next = next.nextSibling;
          this.#remove(row.key);
        }
        this.#drawn.set(row.key, (drawn = { node, fingerprint: row.fingerprint }));
        this.#resizes.observe(node);
      }
      if (drawn.node === next) next = next.nextSibling;
      else this.node.insertBefore(drawn.node, next);
    }
  }

  #remove(key) {
    const { node } = this.#drawn.get(key);
    this.#resizes.unobserve(node);
    node.remove();
    this.#drawn.delete(key);
  }

  /** Measures the drawn rows. Returns whether all heights were as expected. */
  #measure(from, to) {
    let isSettled = true;
    for (const { key } of this.#rows.slice(from, to)) {
      const { height } = this.#drawn.get(key).node.getBoundingClientRect();
      const before = this.#heights.get(key);
      if (before !== undefined && Math.abs(before - height) < 0.5) continue;
      this.#measuredSum += height - (before ?? 0);
      this.#heights.set(key, height);
      isSettled = false;
    }
    return isSettled;
  }

  #updateTops() {
    const estimate = this.#heights.size ? this.#measuredSum / this.#heights.size : FIRST_ESTIMATE_PX;
    const tops = new Float64Array(this.#rows.length + 1);
    this.#rows.forEach(({ key }, index) => (tops[index + 1] = tops[index] + (this.#heights.get(key) ?? estimate)));
    this.#tops = tops;
  }

  /** The index of the row at this distance from the top, by binary search. */
  #indexAt(top) {
    let [low, high] = [0, Math.max(0, this.#rows.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
