"use client";

import { useSwitchboardChat } from "@switchboard-chat/client/ai-sdk";
import { useSwitchboard } from "@switchboard-chat/client/react";
import "@switchboard-chat/client/widget";

const where = { url: "http://127.0.0.1:3000", socketUrl: "ws://127.0.0.1:3000/ws", token: "eyJ0" };

export function Chat({ threadId }) {
  const { messages, isLoading, connection } = useSwitchboard({ ...where, threadId });
  const chat = useSwitchboardChat({ ...where, threadId });
  return (
    <main>
      <p>{`${messages.length + chat.messages.length} messages, ${isLoading ? "loading" : "loaded"}, ${connection}`}</p>
      <switchboard-chat pages="http://127.0.0.1:3000" tenant="acme" chatbot="bot_1" />
    </main>
  );
}
