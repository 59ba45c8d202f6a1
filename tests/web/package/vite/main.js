import "@switchboard-chat/client/widget";

const { VITE_PAGES: pages, VITE_CHATBOT: chatbot } = import.meta.env;
const chat = document.createElement("switchboard-chat");
const attributes = { pages, tenant: "acme", chatbot, open: "" };
for (const name in attributes) chat.setAttribute(name, attributes[name]);
document.body.append(chat);
