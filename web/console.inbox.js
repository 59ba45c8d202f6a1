/** The inbox: the threads of one section as a list. */

import { reasonText } from "./console.changes.js";
import { arrangeChildren, button, el } from "./console.element.js";
import { emptyView, errorText, errorView, loadingView, showToast } from "./console.notice.js";
import { avatar, customerName, nameMark, nameOf } from "./console.people.js";
import { SECTIONS } from "./console.sections.js";
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

  constructor(workspace) {
    this.#workspace = workspace;
    this.node.append(el("header", this.#title), this.#scroller);
  }

  show(section) {
    if (section !== this.#section) this.#scroller.scrollTop = 0;
    this.#section = section;
    const { threads, openId } = this.#workspace;
    const shown = threads.in(section);
    this.#title.textContent = SECTIONS[section].title;
    const rows = (this.#rows = new Map(shown.map((thread) => [thread.id, this.#row(thread)])));
    this.#keepInPlace(() => arrangeChildren(this.#list, [...rows.values()].map(({ node }) => node)));
    for (const [id, { link }] of rows) link.ariaCurrent = id === openId ? "true" : null;
    this.#drawFooter(shown);
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
    return { node, link, fingerprint };
  }

  #contentOf(thread) {
    const { threads, chatbots, me } = this.#workspace;
    const { lastMessage: last, title, status, status_since } = thread;
    const unread = ["queue", "mine"].includes(this.#section) ? threads.unreadCount(thread) : 0;
    const isOthers = threads.sectionOf(thread) === "others";
    const holder = { queued: reasonText(thread), agent: isOthers && nameOf(thread.agent), ended: "ended" }[status];
    const about = [holder || chatbots.get(thread.chatbot_id)?.name || "bot", title].filter(Boolean).join(" · ");
    const excerpt = last && authorPrefix(last, me.sub) + last.text.slice(0, MAX_EXCERPT_CHARACTERS);
    return { name: customerName(thread), mark: nameMark(thread), unread, about, excerpt, status, status_since };
  }

  #drawFooter(shown) {
    const { threads } = this.#workspace;
    const { emptyTitle, emptyText } = SECTIONS[this.#section];
    const { isLoaded, problem } = threads;
    const hasMore = threads.hasMore(this.#section);
    const fingerprint = JSON.stringify([shown.length > 0, hasMore, isLoaded, emptyTitle, problem?.detail]);
    if (this.#footer.dataset.fingerprint === fingerprint) return;
    this.#footer.dataset.fingerprint = fingerprint;
    const content = () => {
      if (shown.length && !hasMore) return "";
      if (shown.length) return button("More", (event) => this.#loadMore(event.currentTarget), { class: "quiet" });
      if (isLoaded) return emptyView(emptyTitle, emptyText);
      if (problem) return errorView("The inbox could not be loaded", problem, () => threads.load());
      return loadingView();
    };
    this.#footer.replaceChildren(content());
  }

  async #loadMore(moreButton) {
    moreButton.disabled = true;
    const { size } = this.#rows;
    try {
      await this.#workspace.threads.loadMore(this.#section);
    } catch (error) {
      showToast(errorText(error));
    }
    this.#footer.dataset.fingerprint = "";
    this.show(this.#section);
    [...this.#rows.values()][size]?.link.focus();
  }
}

function authorPrefix({ author, role }, me) {
  if (author.id === me) return "You: ";
  return role === "customer" ? "" : `${nameOf(author)}: `;
}

function rowChildren(customerId, { name, mark, unread, about, excerpt, status, status_since }) {
  const shownUnread = String(Math.min(unread, MAX_SHOWN_UNREAD));
  const time = elapsed(status_since, status === "queued" ? "wait" : "age");
  return [
    avatar(customerId, name),
    el(
      "span.grow",
      el("span.row", el("b.grow.ellipsis", { dir: "auto" }, name, mark === "self-given" && el("i", ` (${mark})`)), time),
      excerpt && el("span.excerpt.ellipsis", { dir: "auto" }, excerpt),
      el(
        "span.row.muted",
        el("span.grow.ellipsis", { dir: "auto" }, about),
        unread > 0 && el("span.unread", shownUnread, el("span.visually-hidden", " unread")),
      ),
    ),
  ];
}
