// @ts-self-types="./ai-sdk.d.ts"
/**
 * `useChat` of the Vercel AI SDK, with the thread's history and the people in it. Documentation and types are in
 * `ai-sdk.d.ts`.
 */
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useMemo, useRef } from "react";

import { useThreadStore } from "./react.js";

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

  // After a reload in mid-answer, the rest of it is heard, once.
  const loaded = useRef();
  useEffect(() => {
    if (isLoading || loaded.current === store) return;
    loaded.current = store;
    if (resume && thread?.status === "bot" && log.at(-1)?.role === "customer") resumeStream();
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

/**
 * The messages of the log, and those of the chat that are not in it, in order. Returns `current` if nothing is new.
 *
 * While a stream is read (`isBusy`), a new message of the bot in the log is the one that the stream brings, and waits
 * for its end.
 */
export function merge(log, current, isBusy) {
  const byId = new Map(log.flatMap((said) => [[said.id, said], [said.client_id, said]]));
  byId.delete(undefined);
  const placed = new Set();
  const rows = [];
  let seq = 0;
  let newest = 0;
  for (const message of current) {
    const said = byId.get(message.metadata?.message_id) ?? byId.get(message.id);
    if (said ? placed.has(said) : !isBusy && isVoid(message, seq, log)) continue;
    placed.add(said);
    // What is not in the log yet comes last; words of the bot that are not, behind the message that they answer.
    seq = said?.seq ?? message.metadata?.seq ?? (message.role === "user" ? Infinity : seq);
    if (seq < Infinity) newest = Math.max(newest, seq);
    rows.push([seq, said ? asLogged(message, said, isBusy) : message]);
  }
  for (const said of log) {
    const waits = isBusy && said.role === "bot" && said.seq > newest;
    if (said.role !== "system" && !placed.has(said) && !waits) rows.push([said.seq, toUIMessage(said)]);
  }
  const messages = rows.sort(([one], [other]) => (one === other ? 0 : one - other)).map(([, message]) => message);
  const isSame = messages.length === current.length && messages.every((message, at) => message === current[at]);
  return isSame ? current : messages;
}

const isLogged = (message) => message?.role !== "assistant" || Boolean(message.metadata?.message_id);

/** True of words that were stopped, once the log goes on without them; and of a message without words. */
function isVoid(message, after, log) {
  if (isLogged(message)) return false;
  const hasText = message.parts.some(({ type }) => type === "text");
  return !hasText || log.some(({ role, seq }) => role !== "customer" && seq > after);
}

/** A message of the chat with what only the log has: who wrote it, and the text without what was withdrawn. */
function asLogged(message, said, isBusy) {
  const { metadata, parts } = message;
  const isStreaming = isBusy && message.role === "assistant";
  const isCorrected = parts.some(({ type }) => type === "data-discarded");
  if (isStreaming || (metadata?.role && !isCorrected)) return message;
  const logged = toUIMessage(said);
  return { ...message, metadata: { ...metadata, ...logged.metadata }, parts: isCorrected ? logged.parts : parts };
}

const converted = new WeakMap();

/** A message of the log as one of the AI SDK: the same object each time. */
export function toUIMessage(message) {
  if (!converted.has(message)) converted.set(message, convert(message));
  return converted.get(message);
}

function convert({ id, client_id, thread_id, seq, role, author, text, at, sources = [] }) {
  const documents = sources.map(({ document }, index) => {
    return { type: "source-document", sourceId: `${id}-${index}`, mediaType: "text/plain", title: document };
  });
  return {
    id: client_id ?? id,
    role: role === "customer" ? "user" : "assistant",
    parts: [{ type: "text", text, state: "done" }, ...documents],
    metadata: { thread_id, message_id: id, seq, at, role, name: author.name },
  };
}

/** What the bot is saying to another tab of the user. */
function unfinished(thread_id, text) {
  const parts = [{ type: "text", text, state: "streaming" }];
  return { id: "pending", role: "assistant", parts, metadata: { thread_id, role: "bot" } };
}
