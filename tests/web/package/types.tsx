// What TypeScript has to know of the package, and what it has to refuse.

import { Switchboard, SwitchboardError, type Message, type ThreadEvent } from "@switchboard-chat/client";
import { toUIMessage, useSwitchboardChat, type SwitchboardUIMessage } from "@switchboard-chat/client/ai-sdk";
import { useSwitchboard } from "@switchboard-chat/client/react";
import { SwitchboardChat } from "@switchboard-chat/client/widget";
import { WebSocket as WS } from "ws";

const where = { url: "http://127.0.0.1:3000", socketUrl: "ws://127.0.0.1:3000/ws" };

export function textOf(event: ThreadEvent): string {
  switch (event.type) {
    case "message.created":
      return event.message.text;
    case "message.delta":
    case "message.progress":
      return event.text;
    case "typing":
      return event.who.name ?? event.who.id;
    case "connection":
      return event.state;
    default:
      // @ts-expect-error: the other events have none
      return event.message.text;
  }
}

export async function listen() {
  const board = new Switchboard({ ...where, token: async () => "eyJ0…", WebSocket: WS, fetch });
  new Switchboard({ ...where, token: "eyJ0…", WebSocket: globalThis.WebSocket });
  // @ts-expect-error: no class
  new Switchboard({ ...where, token: "eyJ0…", WebSocket: {} });
  // @ts-expect-error: no token
  new Switchboard(where);
  const sent = await board.thread("thr_…").send("Hello?").catch((error: SwitchboardError) => error.code);
  // @ts-expect-error: the answer, or the code
  sent.message;
  // @ts-expect-error: an event has no message before its type is known
  for await (const event of board.thread("thr_…")) event.message;
}

export function Page({ threadId }: { threadId: string | undefined }) {
  const { messages, thread, send } = useSwitchboard({ ...where, token: "eyJ0…", threadId });
  const options = { onFinish: ({ message }: { message: SwitchboardUIMessage }) => void message.metadata?.seq };
  const chat = useSwitchboardChat({ ...where, token: "eyJ0…", threadId }, options);
  const first: Message | undefined = messages[0];
  const role: "customer" | "bot" | "agent" | undefined = chat.messages[0]?.metadata?.role;
  // @ts-expect-error: the log is not the component's to change
  messages.push();
  return (
    <main onClick={() => send("Hello?")}>
      {thread?.status} {role} {first && toUIMessage(first).id}
      <switchboard-chat tenant="acme" chatbot="bot_…" theme="dark" open token={() => "eyJ0…"} className="end" key="1" />
      {/* @ts-expect-error: no tenant */}
      <switchboard-chat chatbot="bot_…" />
      {/* @ts-expect-error: no such theme */}
      <switchboard-chat tenant="acme" chatbot="bot_…" theme="blue" />
    </main>
  );
}

export function element(): boolean {
  const chat = document.createElement("switchboard-chat");
  chat.token = () => "eyJ0…";
  return chat instanceof SwitchboardChat && chat.open && document.querySelector("switchboard-chat") === chat;
}
