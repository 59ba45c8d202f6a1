/** The messages of a log as those of the Vercel AI SDK, and together with those of a chat. */

/** The server's `client_id` of an edited message: the start of its id, then this, then a digest of the text. */
const EDITED = "~";
const EDITED_ID_CHARS = 47;

/**
 * The messages of the log, and those of the chat that are not in it, in order. Returns `current` if nothing is new.
 *
 * While a stream is read (`isBusy`), it brings what the bot answers to the last question. The log's waits for its end.
 */
export function merge(log, current, isBusy) {
  const rows = [];
  const [placed, ids] = [new Set(), new Set()];
  const saidAs = finderIn(log);
  const lastAsked = log.findLast(({ role }) => role === "customer")?.seq ?? 0;
  let seq = 0;
  for (const message of current) {
    const said = saidAs(message, isBusy);
    if (said ? placed.has(said) : !isBusy && isVoid(message, seq, log)) continue;
    // What is not in the log yet comes last; words of the bot that are not, behind the message that they answer.
    seq = said?.seq ?? (message.role === "user" ? Infinity : seq);
    const row = said ? asLogged(message, said, isBusy) : message;
    rows.push([seq, row]);
    placed.add(said);
    ids.add(row.id);
  }
  for (const said of log) {
    const waits = isBusy && said.role === "bot" && said.seq > lastAsked;
    if (said.role === "system" || placed.has(said) || waits) continue;
    const row = toUIMessage(said);
    if (!ids.has(row.id)) rows.push([said.seq, row]);
  }
  const messages = rows.sort(([one], [other]) => (one === other ? 0 : one - other)).map(([, message]) => message);
  const isSame = messages.length === current.length && messages.every((message, at) => message === current[at]);
  return isSame ? current : messages;
}

/** False of words of the bot that are in no log. */
export const isLogged = (message) => message?.role !== "assistant" || Boolean(message.metadata?.message_id);

/** Returns the function that finds a message of the chat in the log. */
function finderIn(log) {
  const byId = new Map(log.flatMap((said) => [[said.id, said], [idOf(said), said]]));
  return (message, isBusy) => {
    const { id, role, metadata } = message;
    const said = byId.get(metadata?.message_id) ?? byId.get(id);
    if (!said || role !== "user" || textOf(message) === said.text) return said;
    // It was edited: the log keeps the old one, and gets a new one. One that was refused is what it was.
    const start = [...id].slice(0, EDITED_ID_CHARS).join("") + EDITED;
    const edited = log.findLast(({ client_id, text }) => client_id?.startsWith(start) && text === textOf(message));
    return edited ?? (isBusy ? undefined : said);
  };
}

const textOf = ({ parts }) => parts.map(({ type, text }) => (type === "text" ? text : "")).join("");

/** True of words that were stopped, once the log goes on without them; and of a message without words. */
function isVoid(message, after, log) {
  if (isLogged(message)) return false;
  const hasText = message.parts.some(({ type }) => type === "text");
  return !hasText || log.some(({ role, seq }) => role !== "customer" && seq > after);
}

/**
 * A message of the chat with what only the log has: who wrote it, and the text without what was withdrawn, and without
 * what another message of the log has, as where one stream brought two replies.
 */
function asLogged(message, said, isBusy) {
  const { role, metadata, parts } = message;
  const logged = toUIMessage(said);
  if (role === "user") return metadata?.message_id === said.id && textOf(message) === said.text ? message : logged;
  const isCorrected = parts.some(({ type }) => type === "data-discarded") || textOf(message) !== said.text;
  if (isBusy || (metadata?.role && metadata.seq && !isCorrected)) return message;
  return { ...message, metadata: { ...metadata, ...logged.metadata }, parts: isCorrected ? logged.parts : parts };
}

/** The id in the chat. An agent may have given a message the same `client_id` as a customer. */
const idOf = ({ id, client_id, role }) => (role === "customer" && client_id) || id;

const converted = new WeakMap();

/** A message of the log as one of the AI SDK: the same object each time. */
export function toUIMessage(message) {
  if (!converted.has(message)) converted.set(message, convert(message));
  return converted.get(message);
}

function convert(message) {
  const { id, thread_id, seq, role, author, text, at, sources = [] } = message;
  const documents = sources.map(({ document }, index) => {
    return { type: "source-document", sourceId: `${id}-${index}`, mediaType: "text/plain", title: document };
  });
  return {
    id: idOf(message),
    role: role === "customer" ? "user" : "assistant",
    parts: [{ type: "text", text, state: "done" }, ...documents],
    metadata: { thread_id, message_id: id, seq, at, role, name: author.name },
  };
}
