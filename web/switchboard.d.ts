/**
 * The types of `switchboard.js`, for editors and for TypeScript; no page loads them.
 * What comes over the wire is described in `asyncapi.json`.
 */

export class Switchboard {
  constructor(options: Options);
  /** Listens, from behind `after` on. The same id is the same thread, wherever that has got to. */
  thread(id: string, from?: { after?: number }): OpenThread;
  /** Agents: `thread.updated` of the whole tenant. Read the list anew whenever the `connection` is open again. */
  inbox(): AsyncIterable<InboxEvent>;
  /** Any REST call, JSON in and out. Rejects with a `SwitchboardError`. */
  request(method: string, path: string, body?: object, how?: { accept?: string; signal?: AbortSignal }): Promise<any>;
  /** Ends all iterators, requests and timers. */
  close(): void;
}

export interface Options extends Partial<Timing> {
  url: string;
  socketUrl: string;
  /** A function is asked again when its token is refused, or when it gave none. */
  token: string | (() => string | Promise<string>);
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
}

/** In milliseconds. */
export interface Timing {
  pingEvery: number;
  /** With a socket that opens, and with a pong. */
  patience: number;
  /** The longest wait before a second try; each failure doubles it. */
  backOff: number;
  backOffMost: number;
  /** How long what is missing may yet come by itself. */
  holeAfter: number;
  pollEvery: number;
  pollMost: number;
  typingEvery: number;
}

/** A thread that is listened to. An iterator gets all there is from when it begins; the first one also what came before. */
export interface OpenThread extends AsyncIterable<ThreadEvent> {
  readonly id: string;
  /** The last one handed out. */
  readonly seq: number;
  /**
   * Says it once, however many tries that takes. Rejected, it is not known to be said; again under the same `client_id`
   * it is the same message.
   */
  send(text: string, how?: Sending): Promise<Answer>;
  /** `true` at every key; else `false`. */
  typing(on: boolean): void;
  /** Everything through `seq`. */
  read(seq: number): void;
  close(): void;
}

export interface Sending {
  client_id?: string;
  chatbot_id?: string;
  /** A note, for agents alone. */
  internal?: boolean;
  signal?: AbortSignal;
}

/** The problem+json; where nothing came back, status 0 and code `network`. */
export class SwitchboardError extends Error {
  constructor(problem: object);
  status: number;
  code: string;
  detail: string;
  /** `chatbot_id`, `documents[1].text`: what is wrong in a request, and the reason; else empty. */
  field: string;
  reason?: string;
  /** Who was faster: the agent that holds the line now, or the version that a chatbot has now. */
  agent?: Person;
  version?: number;
  /** In seconds. */
  retryAfter: number;
}

export interface Person {
  id: string;
  name?: string;
}

export interface Member extends Person {
  role: "customer" | "agent" | "admin";
}

export type Reason = "asked" | "bot" | "failure" | "released" | "absent";

/** A change of owner. */
export type Change =
  | { type: "escalated"; reason: Reason; comment?: string }
  | { type: "claimed"; agent: Person }
  | { type: "released" | "timed_out"; to: "bot" | "queue" }
  | { type: "ended" };

interface Said {
  id: string;
  client_id?: string;
  thread_id: string;
  author: Person;
  text: string;
  at: string;
}

export interface Message extends Said {
  seq: number;
  role: "customer" | "bot" | "agent" | "system";
  event?: Change;
  answers?: { from: number; through: number };
}

export interface Note extends Said {
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
  reason?: Reason;
  agent?: Person;
  ended_by?: Person;
  seq: number;
  unread?: number;
  /** In lists that were asked for `with=last_message`; its text has up to 200 characters. */
  last_message?: Pick<Message, "seq" | "role" | "author" | "text" | "at">;
  created_at: string;
  updated_at: string;
}

export interface Answer {
  message: Message;
  reply: Message | null;
  thread: Thread;
}

export type InboxEvent =
  | { type: "connection"; state: "connecting" | "open" | "polling" | "closed" }
  | { type: "error"; thread_id?: string; code: string; detail: string }
  | { type: "thread.updated"; thread_id: string; thread: Thread };

export type ThreadEvent =
  | InboxEvent
  | ({ thread_id: string } & (
      | { type: "message.created"; seq: number; message: Message }
      | { type: "message.delta"; run_id: string; index: number; text: string }
      | { type: "message.discarded"; run_id: string; reason: string; draft?: string }
      | { type: "note.created"; note: Note; truncated?: boolean }
      | { type: "typing"; who: Member; on: boolean }
      | { type: "presence"; present: Member[]; at: string }
      | { type: "read"; who: Member; seq: number }
    ));
