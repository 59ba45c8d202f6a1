/** The demo shop: its chat, and the button that opens the chat. */
import "./widget.js";

const { demo } = await (await fetch(new URL("config.json", import.meta.url))).json();
const ask = document.querySelector("#ask");
if (demo) {
  const chat = document.createElement("switchboard-chat");
  chat.setAttribute("tenant", demo.tenant);
  chat.setAttribute("chatbot", demo.chatbot_id);
  document.body.append(chat);
  ask.addEventListener("click", () => (chat.open = true));
} else {
  // Only `switchboard` on a laptop has a chatbot for the demo.
  ask.remove();
}
