/**
 * The types of `react.js`, for editors and for TypeScript.
 *
 *     const { messages, pending, send } = useSwitchboard({ url, socketUrl, token, threadId });
 *
 * On a server (SSR) a hook returns an empty thread that is loading; it connects in the browser.
 */
import type {
  ChatResponse,
  ConnectionState,
  Member,
  Message,
  OpenThread,
  Options,
  SendOptions,
  Switchboard,
  SwitchboardError,
  Thread,
} from "./switchboard.js";

/**
 * The thread of a hook, which is one of these:
 *
 * - A thread of your own client, `board.thread(id)`. It stays open when the component goes.
 * - A client, and the thread's id. The thread is closed with the last component that uses it.
 * - A client's options, and the thread's id. The client lives as long as the component. `token` may be a new function
 *   at each rendering.
 *
 * Another token is one of the same user, renewed. Where the user of a page can change, give the component a `key` that
 * changes too, such as the user's id: else its socket, and what it shows, stay the old user's.
 *
 * Without an id, as before a thread is made, nothing is read.
 */
export type ThreadSource =
  | OpenThread
  | { board: Switchboard; threadId: string | undefined }
  | (Options & { threadId: string | undefined });

/** A message on its way. `error` is why it did not arrive; `send` repeats it under its `client_id`. */
export interface SendingMessage {
  client_id: string;
  text: string;
  error?: SwitchboardError;
}

/** A failure: of a request, or an event that says what was refused. */
export type ThreadError = SwitchboardError | { type: "error"; thread_id?: string; code: string; detail: string };

export interface ThreadState {
  /** The newest page of the log, what came since, and what `loadEarlier` read; in order, each message once. */
  messages: readonly Message[];
  /** True if the log has messages before the first of `messages`. */
  hasEarlier: boolean;
  loadEarlier(): Promise<void>;
  /** True until the newest page is read. */
  isLoading: boolean;
  /** Own messages that are not in the log yet. */
  sending: readonly SendingMessage[];
  /** The words of the bot's answer so far, until the answer is in `messages`. */
  pending: string;
  /** What the bot says before its answer, such as "Looking up your order". */
  progress: string;
  /** The people who are typing. */
  typing: readonly Member[];
  /** The thread: who holds the line (`status`, `agent`), its title and metadata. */
  thread: Thread | undefined;
  connection: ConnectionState;
  /** The last failure, until the next message is sent or the connection is open again. */
  error: ThreadError | undefined;
  /** Sends a message; resolves when it is answered, or left to somebody else. */
  send(text: string, options?: SendOptions): Promise<ChatResponse>;
  /** Call it with `true` at every key, and with `false` when they stop. */
  setTyping(on: boolean): void;
  /** Marks all messages as read. */
  markRead(): void;
}

/** A thread with its messages, its people and its state, live. */
export function useSwitchboard(source: ThreadSource): ThreadState;
