/** Somebody waits: said in the tab's title, aloud to those who listen to the page, and with a sound if one wants it. */

import { announce, button, icon } from "./console.element.js";
import { customerOf, nameOf } from "./console.words.js";

const PLACE = "switchboard.sound";
const TITLE = document.title;

export class Ring {
  toggle = button("Sound when a customer waits", () => this.#switch(), {
    icon: "mute",
    only: true,
    class: "quiet",
    "aria-pressed": "false",
  });
  #threads;
  #audio;

  constructor(desk) {
    this.#threads = desk.threads;
    this.#show();
    this.#threads.addEventListener("change", () => this.#count());
    this.#threads.addEventListener("waits", ({ detail }) => this.#call(`${customerOf(detail)} is waiting for a person.`));
    this.#threads.addEventListener("said", ({ detail }) => {
      const isSeen = desk.openId === detail.thread_id && !document.hidden;
      if (!isSeen) this.#call(`${nameOf(detail.author)} wrote to you.`);
    });
  }

  get isOn() {
    return localStorage.getItem(PLACE) === "on";
  }

  #count() {
    const waiting = this.#threads.in("queue").length;
    const title = waiting ? `(${waiting}) ${TITLE}` : TITLE;
    if (document.title !== title) document.title = title;
  }

  #call(text) {
    announce(text);
    if (this.isOn) this.#sound();
  }

  #switch() {
    localStorage.setItem(PLACE, this.isOn ? "off" : "on");
    this.#show();
    // Heard at once, and by this click the browser lets the page make sounds.
    if (this.isOn) this.#sound();
  }

  #show() {
    this.toggle.setAttribute("aria-pressed", String(this.isOn));
    this.toggle.replaceChildren(icon(this.isOn ? "sound" : "mute"));
  }

  /** Two soft notes. */
  #sound() {
    this.#audio ??= new AudioContext();
    this.#audio.resume();
    [660, 880].forEach((frequency, place) => {
      const at = this.#audio.currentTime + place * 0.18;
      const [tone, loudness] = [this.#audio.createOscillator(), this.#audio.createGain()];
      tone.frequency.value = frequency;
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(0.08, at + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
      tone.connect(loudness).connect(this.#audio.destination);
      tone.start(at);
      tone.stop(at + 0.5);
    });
  }
}
