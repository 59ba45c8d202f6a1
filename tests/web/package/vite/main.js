import "@switchboard-chat/client/widget";

const { VITE_PAGES: pages, VITE_CHATBOT: chatbot } = import.meta.env;
const chat = document.createElement("switchboard-chat");
for (const [name, value] of Object.entries({ pages, tenant: "acme", chatbot, open: "" })) chat.setAttribute(name, value);
document.body.append(chat);
