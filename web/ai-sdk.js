// @ts-self-types="./ai-sdk.d.ts"
/**
 * `useChat` of the Vercel AI SDK, with the thread's history and the people in it. Documentation and types are in
 * `ai-sdk.d.ts`.
 */
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useMemo, useRef } from "react";

import { useThreadStore } from "./react.js";
import { isLogged, merge } from "./ui-messages.js";

export { toUIMessage } from "./ui-messages.js";

export function useSwitchboardChat(source, { resume = true, ...options } = {}) {
  const [store, snapshot] = useThreadStore(source);
  const { messages: log, thread, isLoading, pending } = snapshot;
  const transport = useMemo(() => newTransport(store), [store]);
  const chat = useChat({ ...options, id: store.id, transport });
  const { messages: current, status, setMessages, resumeStream } = chat;
  const isBusy = status === "submitted" || status === "streaming";

  const messages = useMemo(() => merge(log, current, isBusy), [log, current, isBusy]);
  useEffect(() => {
    if (messages !== current) setMessages((now) => merge(log, now, isBusy));
  });

  // After a reload in mid-answer, the rest of it is heard, once. Who has asked meanwhile hears it anyway.
  const loaded = useRef();
  useEffect(() => {
    if (isLoading || loaded.current === store) return;
    loaded.current = store;
    if (resume && !isBusy && thread?.status === "bot" && log.at(-1)?.role === "customer") resumeStream();
  });

  const shown = useMemo(() => {
    const isShown = !isBusy && pending && isLogged(messages.at(-1));
    return isShown ? [...messages, unfinished(store.id, pending)] : messages;
  }, [messages, isBusy, pending, store]);

  const { hasEarlier, progress, typing, connection } = snapshot;
  const { loadEarlier, setTyping, markRead } = store;
  const error = chat.error ?? snapshot.error;
  const ours = { thread, isLoading, hasEarlier, loadEarlier, progress, typing, setTyping, markRead, connection };
  return { ...chat, ...ours, messages: shown, error };
}

/** The server has the log, so only the last message of the user is sent. */
function newTransport(store) {
  return new DefaultChatTransport({
    api: "/chat",
    fetch: store.fetch,
    prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => {
      const last = messages.findLast(({ role }) => role === "user");
      return { body: { ...body, id, messages: last ? [last] : [], trigger, messageId } };
    },
  });
}

/** The bot's words so far, which another tab of the user has asked for. */
function unfinished(thread_id, text) {
  const parts = [{ type: "text", text, state: "streaming" }];
  return { id: "pending", role: "assistant", parts, metadata: { thread_id, role: "bot" } };
}
