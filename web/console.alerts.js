/** Alerts about waiting customers and new messages: the page's title, an announcement, a sound. */

import { button, icon } from "./console.element.js";
import { announce } from "./console.notice.js";
import { customerName, nameOf } from "./console.people.js";

const SOUND_KEY = "switchboard.sound";
const PAGE_TITLE = document.title;

export class Alerts {
  soundButton = button("Sound when a customer waits", () => this.#switchSound(), { iconOnly: true, class: "quiet" });
  #threads;
  #audio;

  constructor(workspace) {
    this.#threads = workspace.threads;
    this.#showSound();
    this.#threads.addEventListener("change", () => this.#showCount());
    this.#threads.addEventListener("queued", ({ detail: thread }) => {
      this.#alert(`${customerName(thread)} is waiting for a person.`);
    });
    this.#threads.addEventListener("customer-message", ({ detail: message }) => {
      const isVisible = workspace.openId === message.thread_id && !document.hidden;
      if (!isVisible) this.#alert(`New message from ${nameOf(message.author)}.`);
    });
  }

  get #isSoundOn() {
    return localStorage.getItem(SOUND_KEY) === "on";
  }

  #showCount() {
    const waiting = this.#threads.in("queue").length;
    const title = waiting ? `(${waiting}) ${PAGE_TITLE}` : PAGE_TITLE;
    if (document.title !== title) document.title = title;
  }

  #alert(text) {
    announce(text);
    if (this.#isSoundOn) this.#play();
  }

  #switchSound() {
    localStorage.setItem(SOUND_KEY, this.#isSoundOn ? "off" : "on");
    this.#showSound();
    // Browsers let a page play sounds only after a click: play the first one here.
    if (this.#isSoundOn) this.#play();
  }

  #showSound() {
    this.soundButton.ariaPressed = this.#isSoundOn;
    this.soundButton.replaceChildren(icon(this.#isSoundOn ? "sound" : "mute"));
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
