/** The inbox's sections, and the links that lead to them. */

import { el } from "./console.element.js";

/** The sections by their address: the title, and the heading and text of an empty section. */
export const SECTIONS = {
  queue: {
    title: "Queue",
    emptyTitle: "No customers are waiting",
    emptyText: "Customers who ask for a person appear here, the longest wait first.",
  },
  mine: {
    title: "Mine",
    emptyTitle: "You hold no conversations",
    emptyText: "Conversations that you claim stay here until you return or end them.",
  },
  others: {
    title: "Others",
    emptyTitle: "Other agents hold no conversations",
    emptyText: "Conversations that your colleagues have claimed appear here.",
  },
  bot: {
    title: "Bot",
    emptyTitle: "The bot has no conversations",
    emptyText: "Conversations that the bot answers appear here. You can claim any of them.",
  },
  ended: {
    title: "Ended",
    emptyTitle: "No conversations have ended yet",
    emptyText: "Ended conversations stay readable here.",
  },
};

export class SectionLinks {
  node = el("ul.sections");
  #threads;
  #counts = {};
  #links = {};

  constructor(threads) {
    this.#threads = threads;
    Object.entries(SECTIONS).forEach(([section, { title }], index) => {
      this.#counts[section] = el("span.count");
      this.#links[section] = el(
        "a",
        { href: `#${section}`, "data-section": section, "aria-keyshortcuts": String(index + 1) },
        el("span.lamp"),
        el("span.grow", title),
        this.#counts[section],
      );
      this.node.append(el("li", this.#links[section]));
    });
  }

  /** Updates the counts and marks the current section, if there is one. */
  show(current) {
    for (const [section, link] of Object.entries(this.#links)) {
      const threads = this.#threads.in(section);
      const hasUnread = section === "mine" && threads.some((thread) => this.#threads.unreadCount(thread) > 0);
      const more = this.#threads.hasMore(section) ? "+" : "";
      this.#counts[section].textContent = threads.length || more ? `${threads.length}${more}` : "";
      link.toggleAttribute("data-attention", hasUnread || (section === "queue" && threads.length > 0));
      link.ariaCurrent = section === current ? "page" : null;
    }
  }
}
