// A page with one thread, by either hook. `start(hook, where)` shows it; `chat` is what the hook returned last.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { useSwitchboardChat } from "@switchboard-chat/client/ai-sdk";
import { useSwitchboard } from "@switchboard-chat/client/react";

function AiSdk({ where }) {
  const chat = useSwitchboardChat({ ...where, token: () => window.token });
  window.chat = chat;
  const textOf = ({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const rows = chat.messages.map((message) => (
    <li key={message.id} data-role={message.metadata?.role ?? message.role} data-seq={message.metadata?.seq}>
      {textOf(message)}
    </li>
  ));
  return <View chat={chat} status={chat.status} rows={rows} />;
}

function Wire({ where }) {
  const chat = useSwitchboard({ ...where, token: () => window.token });
  window.chat = chat;
  const said = chat.messages.filter(({ role }) => role !== "system");
  const rows = said.map(({ seq, role, text }) => <li key={seq} data-role={role} data-seq={seq}>{text}</li>);
  for (const { client_id, text } of chat.sending) rows.push(<li key={client_id} data-role="user">{text}</li>);
  if (chat.pending) rows.push(<li key="pending" data-role="bot">{chat.pending}</li>);
  return <View chat={chat} rows={rows} />;
}

function View({ chat, status, rows }) {
  const { thread, typing, connection, isLoading, hasEarlier, error } = chat;
  const states = [status, thread?.status, connection, isLoading && "loading", hasEarlier && "earlier"];
  return (
    <main>
      <p id="state">{states.join(" ")}</p>
      <p id="typing">{typing.map(({ id }) => id).join(" ")}</p>
      <p id="error">{error?.code ?? error?.message}</p>
      <ol>{rows}</ol>
    </main>
  );
}

let root;

window.start = (hook, { token, ...where }) => {
  window.token = token;
  root = createRoot(document.querySelector("#root"));
  const Hook = { AiSdk, Wire }[hook];
  root.render(<StrictMode><Hook where={where} /></StrictMode>);
};
window.end = () => root.unmount();
window.ready = true;
