/**
 * A long list of which only what is seen is in the document.
 *
 * A row's height is measured once it is drawn, and guessed before. Whatever turns out otherwise, what is being read stays
 * where it is on the screen; and at its end the list stays at its end.
 */

import { el } from "./console.element.js";

/** How many pixels from the end still count as the end. */
const NEAR_END = 40;
/** Whoever has not scrolled for so long has come to rest, in milliseconds. */
const RESTS_AFTER = 150;
/** How often a drawing is put right by what it measured. */
const TRIES = 4;

export class Roll {
  atEnd = true;
  #rows = [];
  #places = new Map();
  #drawn = new Map();
  #heights = new Map();
  #measured = 0;
  /** Where each row begins, and where the last one ends. */
  #tops = [0];
  /** How far off from there they are drawn: to put the scroll position right would stop a movement that is under way. */
  #off = 0;
  #anchor = null;
  /** Where we put it ourselves: any other place is the reader's wish. */
  #set = 0;
  #moves = 0;
  #frame = 0;
  #above = el("div");
  #below = el("div");
  #draw;
  #passes;

  /** `draw(row)` gives a row's element; `passes(row)` is told which one comes first on the screen. */
  constructor(props, draw, passes = () => {}) {
    this.#draw = draw;
    this.#passes = passes;
    this.node = el("div.roll", { tabindex: "0", ...props }, this.#above, this.#below);
    this.node.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.sizes = new ResizeObserver(() => this.#later());
    this.sizes.observe(this.node);
  }

  /** Each row has a `key` that is its own, and a `look`: one that looks the same is not drawn again. */
  show(rows) {
    const { scrollTop } = this.node;
    const places = new Map(rows.map((row, place) => [row.key, place]));
    this.#anchorAt(scrollTop, ({ key }) => places.has(key));
    this.#rows = rows;
    this.#places = places;
    // At once, for the reader may have gone on before it is drawn.
    this.#measureTops();
    this.#off = scrollTop - this.#placeOfAnchor(scrollTop);
    this.#later();
  }

  toEnd() {
    this.atEnd = true;
    this.#later();
  }

  /** How near the beginning is, in screens. */
  get screensAbove() {
    return this.node.scrollTop / (this.node.clientHeight || 1);
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.node;
    if (Math.abs(scrollTop - this.#set) < 1) return;
    clearTimeout(this.#moves);
    this.#moves = setTimeout(() => this.#later((this.#moves = 0)), RESTS_AFTER);
    // However little it is, who goes up wants to.
    this.atEnd = scrollTop > this.#set && scrollHeight - scrollTop - clientHeight < NEAR_END;
    this.#later();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.node.isConnected && this.node.clientHeight) this.#render();
    });
  }

  #render() {
    const { clientHeight } = this.node;
    let top = this.#look();
    for (let tries = 0; tries < TRIES; tries++) {
      this.#measureTops();
      const total = this.#tops.at(-1);
      top = this.#wantedTop(top, total - clientHeight);
      const from = this.#placeAt(top - this.#off - clientHeight);
      const to = Math.min(this.#rows.length, this.#placeAt(top - this.#off + 2 * clientHeight) + 1);
      this.#put(from, to);
      this.#above.style.height = `${this.#tops[from] + this.#off}px`;
      this.#below.style.height = `${total - this.#tops[to]}px`;
      const isRight = this.#measure(from, to);
      if (Math.abs(this.node.scrollTop - top) >= 1) this.node.scrollTop = top;
      if (isRight) break;
    }
    this.#set = this.node.scrollTop;
    this.#anchorAt(this.#set);
    if (this.#anchor) this.#passes(this.#rows[this.#places.get(this.#anchor.key)]);
  }

  /** Where the reader is by now. */
  #look() {
    const top = this.node.scrollTop;
    if (Math.abs(top - (this.#anchor?.top ?? top)) >= 1) this.#anchorAt(top);
    return top;
  }

  /** What is read at `top`, and how much of it is above; of what stays. */
  #anchorAt(top, stays = () => true) {
    let place = this.#placeAt(top - this.#off);
    while (place < this.#rows.length && !stays(this.#rows[place])) place++;
    const row = this.#rows[place];
    this.#anchor = row && { key: row.key, top, above: top - this.#off - this.#tops[place] };
  }

  /** Where the screen has to begin for what is read to stay; `top` if it is there no more. */
  #placeOfAnchor(top) {
    const place = this.#places.get(this.#anchor?.key);
    return place === undefined ? top : this.#tops[place] + this.#anchor.above;
  }

  /** The same, and within the list. While the reader moves, the rows do in the screen's place. */
  #wantedTop(top, most) {
    const wanted = this.#placeOfAnchor(top);
    this.#off = top - wanted;
    const from = this.#placeAt(wanted - this.node.clientHeight);
    const isRoom = from > 0 && this.#tops[from] + this.#off >= 0;
    if (this.#moves && isRoom && !this.atEnd) return top;
    this.#off = 0;
    return Math.max(0, this.atEnd ? most : Math.min(wanted, most));
  }

  /** Takes out what is not seen any more, and puts in what is. */
  #put(from, to) {
    for (const [key, { node }] of this.#drawn) {
      const place = this.#places.get(key);
      if (place >= from && place < to) continue;
      if (node.contains(document.activeElement)) this.node.focus({ preventScroll: true });
      this.#take(key);
    }
    let next = this.#above.nextSibling;
    for (const row of this.#rows.slice(from, to)) {
      let drawn = this.#drawn.get(row.key);
      if (drawn?.look !== row.look) {
        const node = this.#draw(row);
        if (drawn) {
          if (next === drawn.node) next = next.nextSibling;
          this.#take(row.key);
        }
        this.#drawn.set(row.key, (drawn = { node, look: row.look }));
        this.sizes.observe(node);
      }
      if (drawn.node === next) next = next.nextSibling;
      else this.node.insertBefore(drawn.node, next);
    }
  }

  #take(key) {
    const { node } = this.#drawn.get(key);
    this.sizes.unobserve(node);
    node.remove();
    this.#drawn.delete(key);
  }

  /** Whether all was as high as it was thought to be. */
  #measure(from, to) {
    let isRight = true;
    for (const { key } of this.#rows.slice(from, to)) {
      const { height } = this.#drawn.get(key).node.getBoundingClientRect();
      const before = this.#heights.get(key);
      if (before !== undefined && Math.abs(before - height) < 0.5) continue;
      this.#measured += height - (before ?? 0);
      this.#heights.set(key, height);
      isRight = false;
    }
    return isRight;
  }

  #measureTops() {
    const guess = this.#heights.size ? this.#measured / this.#heights.size : 80;
    const tops = new Float64Array(this.#rows.length + 1);
    this.#rows.forEach(({ key }, place) => (tops[place + 1] = tops[place] + (this.#heights.get(key) ?? guess)));
    this.#tops = tops;
  }

  /** The last row that begins at or above `top`. */
  #placeAt(top) {
    let [low, high] = [0, Math.max(0, this.#rows.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
