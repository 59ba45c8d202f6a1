/** The inbox: its sections with their counts, and the threads of one of them. */

import { arrange, button, el, tell } from "./console.element.js";
import { reasonOf } from "./console.line.js";
import { avatar, customerOf, kindly, nameOf, since } from "./console.words.js";

export const SECTIONS = {
  queue: ["Queue", "Nobody is waiting", "Customers who ask for a person appear here, the longest wait first."],
  mine: ["Mine", "You hold no line", "Claim a conversation, and it is here until you give it back or end it."],
  others: ["Others’", "Nobody else holds a line", "What your colleagues are busy with appears here."],
  bot: ["Bot", "The bot talks to nobody", "Conversations that the bot answers appear here. You can claim any of them."],
  ended: ["Ended", "Nothing has ended yet", "What is over stays readable here."],
};

/** The sections, as links. */
export class Sections {
  node = el("ul.sections");
  #threads;
  #counts = {};
  #links = {};

  constructor(threads) {
    this.#threads = threads;
    Object.entries(SECTIONS).forEach(([section, [title]], place) => {
      this.#counts[section] = el("span.count");
      this.#links[section] = el(
        "a",
        { href: `#${section}`, "data-section": section, "aria-keyshortcuts": String(place + 1) },
        el("span.lamp"),
        el("span.grow", null, title),
        this.#counts[section],
      );
      this.node.append(el("li", null, this.#links[section]));
    });
  }

  show(current) {
    for (const [section, link] of Object.entries(this.#links)) {
      const threads = this.#threads.in(section);
      const unread = section === "mine" && threads.some((thread) => this.#threads.unreadOf(thread) > 0);
      const more = this.#threads.hasMore(section) ? "+" : "";
      this.#counts[section].textContent = threads.length || more ? `${threads.length}${more}` : "";
      link.toggleAttribute("data-calls", unread || (section === "queue" && threads.length > 0));
      if (section === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}

/** The threads of a section. */
export class Inbox {
  node = el("section.list", { "aria-labelledby": "section" });
  #desk;
  #section = "queue";
  #title = el("h1", { id: "section" });
  #list = el("ul.rows");
  #foot = el("div.foot");
  #rows = new Map();

  constructor(desk) {
    this.#desk = desk;
    this.scroller = el("div.scroll", null, this.#list, this.#foot);
    this.node.append(el("header", null, this.#title), this.scroller);
  }

  show(section) {
    if (section !== this.#section) this.scroller.scrollTop = 0;
    this.#section = section;
    const { threads, openId } = this.#desk;
    const shown = threads.in(section);
    this.#title.textContent = SECTIONS[section][0];
    const rows = new Map();
    for (const thread of shown) rows.set(thread.id, this.#row(thread));
    this.#rows = rows;
    this.#stay(() =>
      arrange(
        this.#list,
        [...rows.values()].map(({ node }) => node),
      ),
    );
    for (const [id, { link }] of rows) {
      if (id === openId) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    this.#drawFoot(shown);
  }

  /** The row after or before the one that has the focus, is open, or is first. */
  step(by) {
    const links = [...this.#rows.values()].map(({ link }) => link);
    const at = links.findIndex((link) => link === document.activeElement);
    const open = links.findIndex((link) => link.hasAttribute("aria-current"));
    const from = at >= 0 ? at : open;
    links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + by))]?.focus();
  }

  /** Whatever comes and goes, what is open stays where it is on the screen. */
  #stay(change) {
    const fixed = [document.activeElement, this.#list.querySelector("[aria-current]")].find((node) =>
      this.#list.contains(node),
    );
    const before = fixed?.getBoundingClientRect().top;
    change();
    if (fixed?.isConnected) this.scroller.scrollTop += fixed.getBoundingClientRect().top - before;
  }

  #row(thread) {
    const { threads, chatbots, me } = this.#desk;
    const unread = ["queue", "mine"].includes(this.#section) ? threads.unreadOf(thread) : 0;
    const name = customerOf(thread);
    const bot = chatbots.get(thread.chatbot_id)?.name;
    const why =
      { queued: reasonOf(thread), agent: threads.sectionOf(thread) === "others" && nameOf(thread.agent), ended: "ended" }[
        thread.status
      ] ||
      bot ||
      "bot";
    const { last, title } = thread;
    const about = last ? `${last.author.id === me.sub ? "You: " : ""}${last.text.slice(0, 200)}` : title;
    const look = JSON.stringify([name, unread, why, about, thread.status, thread.status_since]);
    const before = this.#rows.get(thread.id);
    if (before?.look === look) return before;
    const link = before?.link ?? el("a.row-link", { href: `#${thread.id}` });
    link.replaceChildren(
      avatar(thread.customer_id, name),
      el(
        "span.grow",
        null,
        el(
          "span.row",
          null,
          el("b.grow.clip1", { dir: "auto" }, name),
          since(thread.status_since, thread.status === "queued" ? "waited" : "ago"),
        ),
        about && el("span.about1.clip1", { dir: "auto" }, about),
        el(
          "span.row.muted",
          null,
          el("span.grow.clip1", { dir: "auto" }, why),
          unread > 0 && el("span.unread", null, String(Math.min(unread, 99)), el("span.unseen", null, " unread")),
        ),
      ),
    );
    return { node: before?.node ?? el("li", { "data-status": thread.status }, link), link, look };
  }

  #drawFoot(shown) {
    const { threads } = this.#desk;
    const [, title, text] = SECTIONS[this.#section];
    const look = shown.length
      ? `more ${threads.hasMore(this.#section)}`
      : threads.isRead
        ? `empty ${title}`
        : `unread ${threads.problem?.detail}`;
    if (this.#foot.dataset.look === look) return;
    this.#foot.dataset.look = look;
    this.#foot.replaceChildren();
    if (shown.length) {
      if (threads.hasMore(this.#section))
        this.#foot.append(button("More", (event) => this.#more(event.currentTarget), { class: "quiet" }));
    } else if (threads.isRead) this.#foot.append(el("div.empty", null, el("h2", null, title), el("p", null, text)));
    else if (threads.problem) {
      const again = button("Try again", () => threads.read(), { class: "primary" });
      this.#foot.append(
        el(
          "div.empty",
          { role: "alert" },
          el("h2", null, "The inbox could not be read"),
          el("p", null, kindly(threads.problem)),
          again,
        ),
      );
    } else
      this.#foot.append(
        el(
          "div.loading",
          { role: "status", "aria-label": "Reading the inbox" },
          [1, 2, 3, 4].map(() => el("div.bone")),
        ),
      );
  }

  async #more(asked) {
    asked.disabled = true;
    const { size } = this.#rows;
    try {
      await this.#desk.threads.more(this.#section);
    } catch (error) {
      tell(kindly(error));
    }
    this.#foot.dataset.look = "";
    this.show(this.#section);
    [...this.#rows.values()][size]?.link.focus();
  }
}
