/**
 * The types of `ai-sdk.js`, for editors and for TypeScript.
 *
 *     const { messages, sendMessage, status, thread } = useSwitchboardChat({ url, socketUrl, token, threadId });
 */
import type { UseChatHelpers } from "@ai-sdk/react";
import type { ChatInit, UIMessage } from "ai";

import type { ThreadError, ThreadSource, ThreadState } from "./react.js";
import type { Message, Thread } from "./switchboard.js";

/** A message's place in the log, and its author. Absent while the message is not in the log. */
export interface SwitchboardMetadata {
  thread_id: string;
  message_id: string;
  seq: number;
  at: string;
  /** An agent's message is an assistant's too: `role` and `name` tell them apart. */
  role: "customer" | "bot" | "agent";
  name?: string;
  /** The thread's status at the end of a stream. */
  owner?: Thread["status"];
}

export type SwitchboardData = {
  progress: { text: string };
  discarded: { part: string; reason: string };
  thread: Thread;
};

export type SwitchboardUIMessage = UIMessage<Partial<SwitchboardMetadata>, SwitchboardData>;

/** `useChat`'s options, without those that the thread decides. */
export type SwitchboardChatOptions = Omit<ChatInit<SwitchboardUIMessage>, "id" | "messages" | "transport"> & {
  /** The shortest time between two renderings of a stream, in milliseconds. */
  experimental_throttle?: number;
  /** Take up an answer that was being written before a reload. Default: true. */
  resume?: boolean;
};

type OfThread =
  | "thread"
  | "isLoading"
  | "hasEarlier"
  | "loadEarlier"
  | "progress"
  | "typing"
  | "setTyping"
  | "markRead"
  | "connection";

/**
 * `useChat`, on a thread: its history, the bot's streamed answers, and live what agents say, and the user in other
 * tabs. `messages` is in the order of the log, each message once.
 */
export function useSwitchboardChat(
  source: ThreadSource,
  options?: SwitchboardChatOptions,
): Omit<UseChatHelpers<SwitchboardUIMessage>, "error"> &
  Pick<ThreadState, OfThread> & { error: Error | ThreadError | undefined };

/** A message of the log as one of the AI SDK. */
export function toUIMessage(message: Message): SwitchboardUIMessage;
