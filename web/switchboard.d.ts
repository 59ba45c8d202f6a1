/**
 * The types of `switchboard.js`, for editors and for TypeScript; no page loads them.
 * `asyncapi.json` describes the frames and events on the wire.
 */

/**
 * The client: one connection for all threads that a page follows.
 *
 *     const board = new Switchboard({ url, socketUrl, token });
 *     for await (const event of board.thread(id)) if (event.type === "message.created") show(event.message);
 */
export class Switchboard {
  constructor(options: Options);
  /**
   * Follows a thread, from the message after the `seq` `after` on. Another call with the same id returns the same
   * object, and `after` is then ignored.
   */
  thread(id: string, from?: { after?: number }): OpenThread;
  /**
   * Follows the inbox, for agents: `thread.updated` of all threads of the tenant. Events are lost while there is no
   * connection, so read the list again at each `subscribed`.
   */
  inbox(): AsyncIterable<InboxEvent>;
  /** Makes a REST call, with JSON in both directions. Rejects with a `SwitchboardError`. */
  request(method: string, path: string, body?: object, how?: { accept?: string; signal?: AbortSignal }): Promise<any>;
  /** Ends all iterators, requests and timers, for good. */
  close(): void;
}

export interface Options extends Partial<Timing> {
  url: string;
  socketUrl: string;
  /** A token, or a function that returns one, called again when its token is refused or when it failed. */
  token: string | (() => string | Promise<string>);
  fetch?: (url: string, request: RequestInit) => Promise<Response>;
  /**
   * The class of sockets; the runtime's own by default. Node has one since version 22. Without any, a warning is logged
   * and the log is polled.
   */
  WebSocket?: new (url: string, protocols: string[]) => Socket;
}

/** The part of a WebSocket that the client uses. The package `ws` has one too. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(data: string): void;
  close(): void;
}

/** Intervals and limits, in milliseconds. */
export interface Timing {
  /** The interval between pings. */
  pingEvery: number;
  /** The time limit for a socket to open and for a pong to arrive. */
  patience: number;
  /** The base of the back-off: after `n` failures a retry waits for a random time up to `backOff * 2 ** n`. */
  backOff: number;
  /** The longest wait before any retry. */
  backOffMost: number;
  /** The time that a missing message has to arrive by itself before it is requested. */
  holeAfter: number;
  /** The interval between polls, where no socket can be opened. */
  pollEvery: number;
  /** The longest interval between polls, reached while nothing new arrives. */
  pollMost: number;
  /** The interval between repeated `typing` frames. */
  typingEvery: number;
}

/**
 * A thread that is followed. An iterator gets the events from its creation on; the first iterator also gets those from
 * before its creation.
 */
export interface OpenThread extends AsyncIterable<ThreadEvent> {
  readonly id: string;
  /** The `seq` of the last message that iterators were given. */
  readonly seq: number;
  /**
   * Sends a message, which is stored once however many attempts that takes. After a rejection the message may or may
   * not be stored; a `send` with the same `client_id` repeats the same message.
   */
  send(text: string, options?: SendOptions): Promise<ChatResponse>;
  /** Tells the others that the user is typing. Call it with `true` at every key, and with `false` when they stop. */
  typing(on: boolean): void;
  /** Marks all messages through `seq` as read. */
  read(seq: number): void;
  close(): void;
}

export interface SendOptions {
  client_id?: string;
  chatbot_id?: string;
  /** Sends a note, which only agents can read. */
  internal?: boolean;
  signal?: AbortSignal;
}

/** The problem+json of a failed request. Without a response, `status` is 0 and `code` is `network`. */
export class SwitchboardError extends Error {
  constructor(problem: object);
  status: number;
  code: string;
  detail: string;
  /** The invalid field of the request, for example `chatbot_id` or `documents[1].text`; else empty. */
  field: string;
  /** The reason why that field is invalid. */
  reason?: string;
  /** After a conflict over a thread: the agent who holds the line now. */
  agent?: Person;
  /** After a conflict over a chatbot: its version now. */
  version?: number;
  /** The time to wait before another attempt, in seconds; 0 if the server gave none. */
  retryAfter: number;
}

export interface Person {
  id: string;
  name?: string;
}

export interface Member extends Person {
  role: "customer" | "agent" | "admin";
}

export type Reason = "asked" | "bot" | "failure" | "released" | "absent" | "budget";

/** A change of the thread's owner. */
export type Change =
  | { type: "escalated"; reason: Reason; comment?: string }
  | { type: "claimed"; agent: Person }
  | { type: "released" | "timed_out"; to: "bot" | "queue" }
  | { type: "ended" };

interface BaseMessage {
  id: string;
  client_id?: string;
  thread_id: string;
  author: Person;
  text: string;
  at: string;
}

export interface Message extends BaseMessage {
  seq: number;
  role: "customer" | "bot" | "agent" | "system";
  event?: Change;
  /** The range of messages that a bot's message answers, by `seq`. */
  answers?: { from: number; through: number };
  /** The reason that a bot's text stops short: the limit of tokens, or the content filter. */
  cut?: "length" | "filter";
  /** The documents that a bot's text cites, each once. */
  sources?: { document: string }[];
  /** The tokens that a bot's message took; for agents and admins, only in the log read by REST. */
  usage?: Usage;
}

/** Tokens. `cached` is part of `input`, `reasoning` of `output`. */
export interface Usage {
  input: number;
  cached: number;
  output: number;
  reasoning: number;
}

/** An internal note, which only agents can read. */
export interface Note extends BaseMessage {
  /** The `seq` of the message after which the note stands; 0 before the first message. */
  after: number;
}

export interface Thread {
  id: string;
  chatbot_id: string;
  customer_id: string;
  title: string | null;
  metadata: Record<string, string>;
  status: "bot" | "queued" | "agent" | "ended";
  status_since: string;
  /** The time from which the customer waits for a person, until one has answered. */
  waiting_since?: string;
  reason?: Reason;
  agent?: Person;
  ended_by?: Person;
  seq: number;
  unread?: number;
  /** The tokens of all bot messages; for agents and admins, only in a thread or list read by REST. */
  usage?: Usage;
  /** Present in lists requested with `with=last_message`; its text is cut to 200 characters. */
  last_message?: Pick<Message, "seq" | "role" | "author" | "text" | "at">;
  /** The customer's last message, in the same lists. */
  last_customer_message?: Thread["last_message"];
  created_at: string;
  updated_at: string;
}

export interface ChatResponse {
  message: Message;
  reply: Message | null;
  thread: Thread;
}

/** The client's connection: `open` is a socket, `polling` is without one. */
export type ConnectionState = "connecting" | "open" | "polling" | "closed";

/** Events of the inbox. `type` tells them apart. */
export type InboxEvent =
  | { type: "connection"; state: ConnectionState }
  | { type: "error"; thread_id?: string; code: string; detail: string }
  /** From here on no event of the inbox is missed: a list that is read now, or later, is complete with what follows. */
  | { type: "subscribed"; more: boolean }
  | { type: "thread.updated"; thread_id: string; thread: Thread };

/** Events of a thread. `type` tells them apart. */
export type ThreadEvent =
  | InboxEvent
  | { type: "message.created"; thread_id: string; seq: number; message: Message }
  /** At `index` 0 the run's answer starts over; an empty `text` there only takes back what it said. */
  | { type: "message.delta"; thread_id: string; run_id: string; index: number; text: string }
  /** The bot's words before its answer, whole: a new one replaces the one before. */
  | { type: "message.progress"; thread_id: string; run_id: string; text: string }
  /** The run's deltas so far are void. Others from `index` 0 may follow, when the model is asked again. */
  | { type: "message.discarded"; thread_id: string; run_id: string; reason: string; draft?: string }
  | { type: "note.created"; thread_id: string; note: Note; truncated?: boolean }
  | { type: "typing"; thread_id: string; who: Member; on: boolean }
  | { type: "presence"; thread_id: string; present: Member[]; at: string }
  | { type: "read"; thread_id: string; who: Member; seq: number };
