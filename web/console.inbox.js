/** The inbox: its sections with the links that lead to them, and the threads of one section as a list. */

import { arrangeChildren, button, el } from "./console.element.js";
import { reasonText } from "./console.line.js";
import { emptyView, errorText, errorView, loadingView } from "./console.notice.js";
import { avatar, customerName, nameMark, nameOf } from "./console.people.js";
import { waitsSince } from "./console.threads.js";
import { elapsed } from "./console.time.js";

const MAX_EXCERPT_CHARACTERS = 200;
const MAX_SHOWN_UNREAD = 99;

export class Inbox {
  node = el("section.list", { "aria-labelledby": "section" });
  #workspace;
  #section = "queue";
  #title = el("h1", { id: "section" });
  #list = el("ul.rows");
  #footer = el("div.list-footer");
  #scroller = el("div.scroll", this.#list, this.#footer);
  /** The drawn rows, by thread id. */
  #rows = new Map();
  /** Observes the rows whose customer's last words are not known: they are looked for once the row is seen. */
  #observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) this.#findWords(target);
  });
  /** The state of the section's next page: `{}`, `{ isLoading }`, or `{ problem }` if it failed. */
  #next = {};

  constructor(workspace) {
    this.#workspace = workspace;
    this.node.append(el("header", this.#title), this.#scroller);
  }

  show(section) {
    if (section !== this.#section) {
      this.#scroller.scrollTop = 0;
      this.#next = {};
    }
    this.#section = section;
    const { threads, openId } = this.#workspace;
    const shown = threads.in(section);
    this.#title.textContent = SECTIONS[section].title;
    const rows = (this.#rows = new Map(shown.map((thread) => [thread.id, this.#row(thread)])));
    this.#keepInPlace(() => arrangeChildren(this.#list, [...rows.values()].map(({ node }) => node)));
    for (const [id, { link }] of rows) link.ariaCurrent = id === openId ? "true" : null;
    this.#drawFooter(shown);
    for (const { id, seq, wordsThrough } of shown) if (seq > wordsThrough) this.#observer.observe(rows.get(id).node);
  }

  #findWords(row) {
    this.#observer.unobserve(row);
    this.#workspace.threads.findWords(row.firstChild.hash.slice(1));
  }

  /** Moves the focus by so many rows, from the focused row or else the open one. */
  moveFocus(by) {
    const links = [...this.#rows.values()].map(({ link }) => link);
    const focused = links.findIndex((link) => link === document.activeElement);
    const open = links.findIndex((link) => link.hasAttribute("aria-current"));
    const from = focused >= 0 ? focused : open;
    links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + by))]?.focus();
  }

  /** Runs `change` and scrolls so that the focused or open row stays at its place on the screen. */
  #keepInPlace(change) {
    const fixed = this.#list.querySelector(":focus") ?? this.#list.querySelector("[aria-current]");
    const before = fixed?.getBoundingClientRect().top;
    change();
    if (fixed?.isConnected) this.#scroller.scrollTop += fixed.getBoundingClientRect().top - before;
  }

  /** The thread's row; one whose content is unchanged is used again as it is. */
  #row(thread) {
    const content = this.#contentOf(thread);
    const fingerprint = JSON.stringify(content);
    const before = this.#rows.get(thread.id);
    if (before?.fingerprint === fingerprint) return before;
    const link = before?.link ?? el("a.row-link", { href: `#${thread.id}` });
    link.replaceChildren(...rowChildren(thread.customer_id, content));
    const node = before?.node ?? el("li", link);
    node.dataset.status = content.status;
    link.toggleAttribute("data-unread", content.unread > 0);
    return { node, link, fingerprint };
  }

  #contentOf(thread) {
    const { threads, chatbots } = this.#workspace;
    const { words, title, status } = thread;
    const unread = ["queue", "mine"].includes(this.#section) ? threads.unreadCount(thread) : 0;
    const isOthers = threads.sectionOf(thread) === "others";
    const reason = status === "queued" && reasonText(thread);
    const holder = { queued: words && reason, agent: isOthers && nameOf(thread.agent), ended: "ended" }[status];
    const about = [holder || chatbots.get(thread.chatbot_id)?.name || "bot", title].filter(Boolean).join(" · ");
    const excerpt = words?.text.slice(0, MAX_EXCERPT_CHARACTERS) ?? reason;
    const since = status === "queued" ? waitsSince(thread) : thread.status_since;
    return { name: customerName(thread), mark: nameMark(thread), unread, about, excerpt, status, since };
  }

  #drawFooter(shown) {
    const { threads } = this.#workspace;
    const { emptyTitle, emptyText } = SECTIONS[this.#section];
    const { isLoaded } = threads;
    const { isLoading, problem = threads.problem } = this.#next;
    const hasMore = threads.hasMore(this.#section);
    const problemText = problem && errorText(problem);
    const fingerprint = JSON.stringify([shown.length > 0, hasMore, isLoaded, isLoading, emptyTitle, problemText]);
    if (this.#footer.dataset.fingerprint === fingerprint) return;
    this.#footer.dataset.fingerprint = fingerprint;
    const content = () => {
      const more = () => this.#load(() => threads.loadMore(this.#section));
      if (isLoading) return loadingView();
      if (this.#next.problem) return errorView("", problem, more);
      if (hasMore) return button("More", more, { class: "quiet" });
      if (shown.length) return "";
      if (isLoaded) return emptyView(emptyTitle, emptyText);
      if (problem) return errorView("The inbox could not be loaded", problem, () => this.#load(() => threads.load()));
      return loadingView();
    };
    this.#footer.replaceChildren(content());
  }

  /** Loads the next page or the first ones, and moves the focus from the button to the first new row. */
  async #load(load) {
    const { size } = this.#rows;
    const state = (this.#next = { isLoading: true });
    this.show(this.#section);
    const next = await load().then(() => ({}), (problem) => ({ problem }));
    if (this.#next !== state) return;
    this.#next = next;
    this.show(this.#section);
    ([...this.#rows.values()][size]?.link ?? this.#footer.querySelector("button"))?.focus();
  }
}

function rowChildren(customerId, { name, mark, unread, about, excerpt, since }) {
  const note = mark === "self-given" && el("i", ` (${mark})`);
  const shownUnread = String(Math.min(unread, MAX_SHOWN_UNREAD));
  return [
    avatar(customerId, name),
    el(
      "span.grow",
      el("span.row", el("b.grow.ellipsis", { dir: "auto" }, name, note), elapsed(since)),
      excerpt && el("span.excerpt.ellipsis", { dir: "auto" }, excerpt),
      el(
        "span.row.muted",
        el("span.grow.ellipsis", { dir: "auto" }, about),
        unread > 0 && el("span.unread", shownUnread, el("span.visually-hidden", " unread")),
      ),
    ),
  ];
}

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
