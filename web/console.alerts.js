/** Alerts about waiting customers and new messages: the page's title, an announcement, a sound, a notification. */

import { button, icon } from "./console.element.js";
import { announce, showToast } from "./console.notice.js";
import { customerName, nameOf } from "./console.people.js";

const SOUND_KEY = "switchboard.sound";
const PAGE_TITLE = document.title;
const MAX_BODY_CHARACTERS = 200;
const BLOCKED = "The browser blocks notifications from this page, so there is only a sound. Its settings allow them.";

export class Alerts {
  bell = button("Alerts", () => this.#switch(), { iconOnly: true, class: "quiet" });
  #workspace;
  #threads;
  #audio;
  /** True in the one tab of the agent's that alerts: the one that was looked at last. */
  #leads = false;
  /** The notifications that are shown, by thread id. */
  #shown = new Map();

  constructor(workspace) {
    this.#workspace = workspace;
    const threads = (this.#threads = workspace.threads);
    this.#showState();
    this.#lead();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.#leads) this.#lead();
      this.#update();
    });
    threads.addEventListener("change", () => this.#update());
    threads.addEventListener("queued", ({ detail: thread }) => {
      this.#alert(thread.id, `${customerName(thread)} is waiting for a person.`, thread.title);
    });
    threads.addEventListener("customer-message", ({ detail: { thread_id: id, author, text } }) => {
      if (!this.#isSeen(id)) this.#alert(id, `New message from ${nameOf(author)}.`, text);
    });
    threads.addEventListener("taken-over", ({ detail: thread }) => {
      const { id, agent } = thread;
      const text = `${nameOf(agent)} took over the conversation with ${customerName(thread)}.`;
      showToast(text, `#${id}`);
    });
  }

  get #isOn() {
    return localStorage.getItem(SOUND_KEY) === "on";
  }

  #isSeen(id) {
    return this.#workspace.openId === id && !document.hidden;
  }

  /** Takes the alerts over from other tabs, or waits until the one that has them is closed. */
  #lead(steal = !document.hidden) {
    const { tenant, sub } = this.#workspace.me;
    const hold = () => {
      this.#leads = true;
      return new Promise(() => {});
    };
    navigator.locks?.request(`switchboard.alerts.${tenant}.${sub}`, { steal }, hold).catch(() => {
      this.#leads = false;
      this.#lead(false);
    });
    // Without HTTPS.
    this.#leads ||= !navigator.locks;
  }

  /** Updates the count in the title, and closes the notifications of threads that are read or somebody else's. */
  #update() {
    const threads = this.#threads;
    const isUnread = (thread) => threads.unreadCount(thread) > 0;
    const count = threads.in("queue").length + threads.in("mine").filter(isUnread).length;
    const title = count ? `(${count}) ${PAGE_TITLE}` : PAGE_TITLE;
    if (document.title !== title) document.title = title;
    for (const [id, notification] of this.#shown) {
      const thread = threads.get(id);
      const isOurs = thread && ["queue", "mine"].includes(threads.sectionOf(thread));
      if (isOurs && isUnread(thread) && !this.#isSeen(id)) continue;
      notification.close();
      this.#shown.delete(id);
    }
  }

  #alert(id, text, body = "") {
    announce(text);
    if (!this.#isOn || !this.#leads) return;
    this.#play();
    if (document.hidden) this.#notify(id, text, body);
  }

  #notify(id, title, body) {
    try {
      const notification = new Notification(title, { tag: id, body: body.slice(0, MAX_BODY_CHARACTERS) });
      this.#shown.set(id, notification);
      notification.onclick = () => {
        focus();
        location.hash = id;
        notification.close();
      };
    } catch {
      // On phones a page cannot show any.
    }
  }

  async #switch() {
    localStorage.setItem(SOUND_KEY, this.#isOn ? "off" : "on");
    this.#showState();
    if (!this.#isOn) return;
    // Browsers let a page play sounds only after a click: play the first one here.
    this.#play();
    if ((await globalThis.Notification?.requestPermission()) === "denied") showToast(BLOCKED);
    this.#showState();
  }

  #showState() {
    const isOn = this.#isOn;
    const isSilent = globalThis.Notification?.permission !== "granted";
    this.bell.ariaPressed = isOn;
    this.bell.title = isOn ? `Alerts are on${isSilent ? ": sound only" : ""}` : "Alerts are off";
    this.bell.replaceChildren(icon(isOn ? "bell" : "mute"));
  }

  /** Plays two short tones. */
  #play() {
    this.#audio ??= new AudioContext();
    this.#audio.resume();
    const [oscillator, gain] = [this.#audio.createOscillator(), this.#audio.createGain()];
    const now = this.#audio.currentTime;
    oscillator.frequency.setValueAtTime(660, now);
    oscillator.frequency.setValueAtTime(880, now + 0.2);
    gain.gain.setValueAtTime(0.08, now);
    gain.gain.exponentialRampToValueAtTime(0.001, now + 0.7);
    oscillator.connect(gain).connect(this.#audio.destination);
    oscillator.start(now);
    oscillator.stop(now + 0.7);
  }
}
