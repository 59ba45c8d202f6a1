//! The keys of the table. They are written in this file only. Each one but `due` starts with the tenant, whose name
//! contains no `#`.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | thread | `{tenant}#THREAD#{thread}` | `THREAD` |
//! | its title and metadata | the same | `THREAD#DETAILS` |
//! | message | the same | `LOG#{seq}` |
//! | note after a message | the same | `LOG#{seq}#NOTE#{id}` |
//! | `client_id` of a message | the same | `CLIENT#{author}#{client_id}` |
//! | subscription of a socket | the same | `SUBSCRIPTION#{connection}` |
//! | replay to a socket | the same | `REPLAY#{connection}` |
//! | read marker of a person | the same | `MARK#{subject}` |
//! | webhook delivery | the same | `NOTICE#{message}` |
//! | notice to the topic | the same | `TOPIC#{message}` |
//! | cleanup at OpenAI | the same, or a chatbot's | `REMOVAL#{object}` |
//! | chatbot | `{tenant}#CHATBOT` | `{chatbot}` |
//! | document of a chatbot | `{tenant}#CHATBOT#{chatbot}` | `DOCUMENT#{set}#{place}` |
//! | connection | `{tenant}#CONNECTION#{connection}` | `CONNECTION` |
//! | subscription to the inbox | `{tenant}#INBOX` | `SUBSCRIPTION#{connection}` |
//! | budget counters of a customer and day | `{tenant}#CUSTOMER#{subject}` | `BUDGET#{day}` |
//! | the same of a chatbot | `{tenant}#CHATBOT#{chatbot}` | `BUDGET#{day}` |
//! | the same of the tenant | `{tenant}#TENANT` | `BUDGET#{day}` |
//! | usage of a chatbot and day | `{tenant}#USAGE` | `{day}#{chatbot}#{shard}` |
//! | rate limit of an address | `{tenant}#VISITS#{address}` | `WINDOW#{start}` |
//! | connection of a customer | `{tenant}#CUSTOMER#{customer}` | `CONNECTION#{connection}` |
//! | idempotency key of a thread that staff created for them | the same | `CREATION#{subject}#{key}` |
//! | erasure under way | the same | `ERASURE` |
//! | receipt of an erasure | `{tenant}#ERASURE#{erasure}` | `ERASURE` |
//! | entry of the audit trail | `{tenant}#AUDIT#{day}` | `{time}#{entry}` |
//! | idempotency key | `{tenant}#IDEMPOTENCY#{subject}` | `KEY#{key}` |

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::{At, AuditId, ChatbotId, ErasureId, MessageId, Thread, ThreadId, Timeouts, budget::BudgetAccount};

/// The two attributes of the table's primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

/// The kinds of items in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxKind {
    Cleanup,
    Delivery,
    Notice,
}

impl Key {
    /// The kind of outbox item that has this key, if it is one's.
    pub fn outbox_kind(&self) -> Option<OutboxKind> {
        let kinds = [(CLEANUP, OutboxKind::Cleanup), (DELIVERY, OutboxKind::Delivery), (NOTICE, OutboxKind::Notice)];
        kinds.into_iter().find_map(|(prefix, kind)| self.sk.starts_with(prefix).then_some(kind))
    }

    /// The tenant and the thread, if the key is in a thread's partition.
    pub fn thread(&self) -> Option<(&str, ThreadId)> {
        let (tenant, rest) = self.pk.split_once('#')?;
        Some((tenant, rest.strip_prefix("THREAD#")?.parse().ok()?))
    }

    /// The tenant and the chatbot, if the key is a chatbot's own.
    pub fn chatbot(&self) -> Option<(&str, ChatbotId)> {
        let (tenant, rest) = self.pk.split_once('#')?;
        (rest == CHATBOTS).then_some((tenant, self.sk.parse().ok()?))
    }

    /// The tenant and the customer, if the key is that of an erasure under way.
    pub fn pending_erasure(&self) -> Option<(&str, &str)> {
        let (tenant, rest) = self.pk.split_once('#')?;
        let customer = rest.strip_prefix(CUSTOMER)?;
        (self.sk == ERASURE).then_some((tenant, customer))
    }
}

pub const THREAD: &str = "THREAD";
pub const LOG: &str = "LOG#";
pub const SUBSCRIPTION: &str = "SUBSCRIPTION#";
pub const CLEANUP: &str = "REMOVAL#";
pub const DELIVERY: &str = "NOTICE#";
pub const NOTICE: &str = "TOPIC#";
pub const CUSTOMER_CONNECTION: &str = "CONNECTION#";
pub const CUSTOMER_CREATION: &str = "CREATION#";
pub const ERASURE: &str = "ERASURE";
pub const BUDGET: &str = "BUDGET#";
const CHATBOTS: &str = "CHATBOT";
const CUSTOMER: &str = "CUSTOMER#";
const DUE_SHARDS: u64 = 16;
const USAGE_SHARDS: u64 = 8;

pub fn thread_partition(tenant: &str, id: &ThreadId) -> String {
    format!("{tenant}#THREAD#{id}")
}

pub fn thread(tenant: &str, id: &ThreadId) -> Key {
    Key { pk: thread_partition(tenant, id), sk: THREAD.into() }
}

pub fn metadata(tenant: &str, id: &ThreadId) -> Key {
    Key { pk: thread_partition(tenant, id), sk: "THREAD#DETAILS".into() }
}

pub fn message(tenant: &str, id: &ThreadId, seq: u64) -> Key {
    Key { pk: thread_partition(tenant, id), sk: format!("{LOG}{seq:010}") }
}

/// Sorts after its message and before the next one.
pub fn note(tenant: &str, id: &ThreadId, after: u64, note: &MessageId) -> Key {
    Key { pk: thread_partition(tenant, id), sk: format!("{LOG}{after:010}{NOTE}{note}") }
}

/// Every note of the log has this in its sort key, and no message does.
const NOTE: &str = "#NOTE#";

/// The sort key below all notes of the message at `seq`, and above the message itself.
pub fn after_message(seq: u64) -> String {
    format!("{LOG}{seq:010}#")
}

/// The key of no item.
pub fn nowhere() -> Key {
    Key { pk: "#".into(), sk: "#".into() }
}

/// True for the sort key of a note.
pub fn is_note(sk: &str) -> bool {
    sk.contains(NOTE)
}

/// Sorts after every message and note of the log: `$` follows `#`.
pub const LOG_END: &str = "LOG$";

pub fn client(tenant: &str, id: &ThreadId, author: &str, client_id: &str) -> Key {
    // The author's length keeps `a#b` + `c` and `a` + `b#c` apart.
    Key { pk: thread_partition(tenant, id), sk: format!("CLIENT#{}#{author}#{client_id}", author.len()) }
}

pub fn subscription(tenant: &str, id: &ThreadId, connection: &str) -> Key {
    Key { pk: thread_partition(tenant, id), sk: format!("{SUBSCRIPTION}{connection}") }
}

/// The latest replay of a thread to a connection.
pub fn replay(tenant: &str, id: &ThreadId, connection: &str) -> Key {
    Key { pk: thread_partition(tenant, id), sk: format!("REPLAY#{connection}") }
}

pub fn read_marker(tenant: &str, id: &ThreadId, subject: &str) -> Key {
    Key { pk: thread_partition(tenant, id), sk: format!("MARK#{subject}") }
}

pub fn inbox_partition(tenant: &str) -> String {
    format!("{tenant}#INBOX")
}

pub fn inbox(tenant: &str, connection: &str) -> Key {
    Key { pk: inbox_partition(tenant), sk: format!("{SUBSCRIPTION}{connection}") }
}

pub fn connection(tenant: &str, connection: &str) -> Key {
    Key { pk: format!("{tenant}#CONNECTION#{connection}"), sk: "CONNECTION".into() }
}

pub fn chatbots_partition(tenant: &str) -> String {
    format!("{tenant}#{CHATBOTS}")
}

pub fn chatbot(tenant: &str, id: &ChatbotId) -> Key {
    Key { pk: chatbots_partition(tenant), sk: id.to_string() }
}

pub fn chatbot_partition(tenant: &str, id: &ChatbotId) -> String {
    format!("{tenant}#{CHATBOTS}#{id}")
}

/// The prefix of documents in all sets.
pub const DOCUMENTS: &str = "DOCUMENT#";

pub fn documents(set: &str) -> String {
    format!("{DOCUMENTS}{set}#")
}

pub fn document(tenant: &str, id: &ChatbotId, set: &str, place: usize) -> Key {
    Key { pk: chatbot_partition(tenant, id), sk: format!("{}{place:04}", documents(set)) }
}

/// The cleanup of a conversation, in a thread's partition, or of a vector store, in a chatbot's.
pub fn cleanup(partition: &str, object: &str) -> Key {
    Key { pk: partition.into(), sk: format!("{CLEANUP}{object}") }
}

/// The webhook delivery for a change of owner, which `message` records.
pub fn delivery(tenant: &str, id: &ThreadId, message: &MessageId) -> Key {
    Key { pk: thread_partition(tenant, id), sk: format!("{DELIVERY}{message}") }
}

/// The notice to the topic of a change of owner, which `message` records.
pub fn notice(tenant: &str, id: &ThreadId, message: &MessageId) -> Key {
    Key { pk: thread_partition(tenant, id), sk: format!("{NOTICE}{message}") }
}

/// The counters of an account's budgets on the day of `at`, in UTC.
pub fn budget(tenant: &str, account: &BudgetAccount, at: At) -> Key {
    let pk = match account {
        BudgetAccount::Customer(customer) => customer_partition(tenant, customer),
        BudgetAccount::Chatbot(chatbot) => chatbot_partition(tenant, chatbot),
        BudgetAccount::Tenant => format!("{tenant}#TENANT"),
    };
    Key { pk, sk: format!("{BUDGET}{}", at.date()) }
}

pub fn usage_partition(tenant: &str) -> String {
    format!("{tenant}#USAGE")
}

/// A chatbot's usage on a day, sharded by the thread, so that transactions of different threads rarely meet.
pub fn usage(tenant: &str, day: &str, chatbot: &ChatbotId, thread: &ThreadId) -> Key {
    let mut hasher = DefaultHasher::new();
    thread.as_str().hash(&mut hasher);
    let shard = hasher.finish() % USAGE_SHARDS;
    Key { pk: usage_partition(tenant), sk: format!("{day}#{chatbot}#{shard}") }
}

pub fn visitor_tokens(tenant: &str, address: &str, window: i64) -> Key {
    Key { pk: format!("{tenant}#VISITS#{address}"), sk: format!("WINDOW#{window}") }
}

pub fn idempotency(tenant: &str, subject: &str, key: &str) -> Key {
    Key { pk: format!("{tenant}#IDEMPOTENCY#{subject}"), sk: format!("KEY#{key}") }
}

/// A day's entries of a tenant's audit trail.
pub fn audit_partition(tenant: &str, day: &str) -> String {
    format!("{tenant}#AUDIT#{day}")
}

pub fn audit(tenant: &str, at: At, id: &AuditId) -> Key {
    Key { pk: audit_partition(tenant, &at.date()), sk: format!("{at}#{id}") }
}

/// True for the sort key of an entry.
pub fn is_audit(sk: &str) -> bool {
    sk.split_once('#').is_some_and(|(at, id)| at.parse::<At>().is_ok() && id.parse::<AuditId>().is_ok())
}

/// The items of one customer that belong to no thread. An erasure deletes the partition.
pub fn customer_partition(tenant: &str, customer: &str) -> String {
    format!("{tenant}#{CUSTOMER}{customer}")
}

/// The entry by which a customer's connection is found.
pub fn customer_connection(tenant: &str, customer: &str, connection: &str) -> Key {
    Key { pk: customer_partition(tenant, customer), sk: format!("{CUSTOMER_CONNECTION}{connection}") }
}

/// The entry by which the idempotency key of an agent or admin, who created a thread for the customer, is found.
pub fn customer_creation(tenant: &str, customer: &str, subject: &str, key: &str) -> Key {
    // The subject's length keeps `a#b` + `c` and `a` + `b#c` apart.
    let sk = format!("{CUSTOMER_CREATION}{}#{subject}#{key}", subject.len());
    Key { pk: customer_partition(tenant, customer), sk }
}

/// The erasure of a customer that is under way.
pub fn pending_erasure(tenant: &str, customer: &str) -> Key {
    Key { pk: customer_partition(tenant, customer), sk: ERASURE.into() }
}

/// The receipt of an erasure.
pub fn erasure(tenant: &str, id: &ErasureId) -> Key {
    Key { pk: format!("{tenant}#ERASURE#{id}"), sk: ERASURE.into() }
}

/// Index `status`: a tenant's threads in one status, by `status_since`; in the queue by `waiting_since`.
pub fn by_status(tenant: &str, status: &str) -> String {
    format!("{tenant}#STATUS#{status}")
}

/// Index `customer`: a customer's threads, by time of creation.
pub fn by_customer(tenant: &str, customer: &str) -> String {
    customer_partition(tenant, customer)
}

/// The sort key of both indexes: a time, and the thread's id to tell equal times apart.
pub fn by_time(at: At, id: &ThreadId) -> String {
    format!("{at}#{id}")
}

/// Index `due`, sharded by a partition, so that no partition of the index is hot: the item's own, or that of a
/// chatbot's documents for the chatbot, since all of a tenant's chatbots share one.
pub fn due(partition: &str) -> String {
    let mut hasher = DefaultHasher::new();
    partition.hash(&mut hasher);
    due_shard(hasher.finish() % DUE_SHARDS)
}

fn due_shard(shard: u64) -> String {
    format!("due#{shard}")
}

/// All partitions of the index `due`.
pub fn due_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(due_shard)
}

/// The attributes that put a thread, or its tombstone, into the index `customer`.
pub fn customer_index(thread: &Thread) -> [(&'static str, String); 2] {
    [
        ("customer_pk", by_customer(&thread.tenant, &thread.customer_id)),
        ("customer_sk", by_time(thread.created_at, &thread.id)),
    ]
}

/// The attributes that put a thread into its indexes.
pub fn thread_indexes(thread: &Thread, timeouts: &Timeouts) -> Vec<(&'static str, String)> {
    let mut indexes = vec![
        ("status_pk", by_status(&thread.tenant, thread.status.word())),
        ("status_sk", by_time(thread.listed_at(), &thread.id)),
    ];
    indexes.extend(customer_index(thread));
    if let Some(at) = thread.due_at(timeouts) {
        indexes.push(("due_pk", due(&thread_partition(&thread.tenant, &thread.id))));
        indexes.push(("due_sk", at.to_string()));
    }
    indexes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Line, Person, Reason, Status, status::Event};

    /// Existing tables use exactly these keys.
    #[test]
    fn every_key_there_is() {
        let thr: ThreadId = "thr_01JD0000000000000000000000".parse().unwrap();
        let bot: ChatbotId = "bot_01JD0000000000000000000000".parse().unwrap();
        let msg: MessageId = "msg_01JD0000000000000000000000".parse().unwrap();
        let era: ErasureId = "era_01JD0000000000000000000000".parse().unwrap();
        let keys = [
            thread("acme", &thr),
            metadata("acme", &thr),
            message("acme", &thr, 7),
            note("acme", &thr, 7, &msg),
            client("acme", &thr, "c#1", "a#b"),
            subscription("acme", &thr, "L0SM9cOFvHcCIhw="),
            replay("acme", &thr, "L0SM9cOFvHcCIhw="),
            read_marker("acme", &thr, "c#1"),
            cleanup(&thread_partition("acme", &thr), "conv_1"),
            delivery("acme", &thr, &msg),
            notice("acme", &thr, &msg),
            chatbot("acme", &bot),
            document("acme", &bot, "01JD0000000000000000000000", 12),
            connection("acme", "L0SM9cOFvHcCIhw="),
            inbox("acme", "L0SM9cOFvHcCIhw="),
            visitor_tokens("acme", "192.0.2.10", 1_795_341_600),
            idempotency("acme", "cus", "k#1"),
            budget("acme", &BudgetAccount::Customer("cus".into()), At::from_seconds(1_795_341_600)),
            budget("acme", &BudgetAccount::Chatbot(bot.clone()), At::from_seconds(1_795_341_600)),
            budget("acme", &BudgetAccount::Tenant, At::from_seconds(1_795_341_600)),
            usage("acme", "2026-11-22", &bot, &thr),
            customer_connection("acme", "c#1", "L0SM9cOFvHcCIhw="),
            customer_creation("acme", "c#1", "a#b", "k#1"),
            pending_erasure("acme", "c#1"),
            erasure("acme", &era),
            audit("acme", At::from_millis(1_795_341_600_007), &"aud_01JD0000000000000000000000".parse().unwrap()),
        ];
        let listed = keys.map(|key| format!("{} | {}", key.pk, key.sk)).join("\n");
        let expected = "\
            acme#THREAD#thr_01JD0000000000000000000000 | THREAD\n\
            acme#THREAD#thr_01JD0000000000000000000000 | THREAD#DETAILS\n\
            acme#THREAD#thr_01JD0000000000000000000000 | LOG#0000000007\n\
            acme#THREAD#thr_01JD0000000000000000000000 | LOG#0000000007#NOTE#msg_01JD0000000000000000000000\n\
            acme#THREAD#thr_01JD0000000000000000000000 | CLIENT#3#c#1#a#b\n\
            acme#THREAD#thr_01JD0000000000000000000000 | SUBSCRIPTION#L0SM9cOFvHcCIhw=\n\
            acme#THREAD#thr_01JD0000000000000000000000 | REPLAY#L0SM9cOFvHcCIhw=\n\
            acme#THREAD#thr_01JD0000000000000000000000 | MARK#c#1\n\
            acme#THREAD#thr_01JD0000000000000000000000 | REMOVAL#conv_1\n\
            acme#THREAD#thr_01JD0000000000000000000000 | NOTICE#msg_01JD0000000000000000000000\n\
            acme#THREAD#thr_01JD0000000000000000000000 | TOPIC#msg_01JD0000000000000000000000\n\
            acme#CHATBOT | bot_01JD0000000000000000000000\n\
            acme#CHATBOT#bot_01JD0000000000000000000000 | DOCUMENT#01JD0000000000000000000000#0012\n\
            acme#CONNECTION#L0SM9cOFvHcCIhw= | CONNECTION\n\
            acme#INBOX | SUBSCRIPTION#L0SM9cOFvHcCIhw=\n\
            acme#VISITS#192.0.2.10 | WINDOW#1795341600\n\
            acme#IDEMPOTENCY#cus | KEY#k#1\n\
            acme#CUSTOMER#cus | BUDGET#2026-11-22\n\
            acme#CHATBOT#bot_01JD0000000000000000000000 | BUDGET#2026-11-22\n\
            acme#TENANT | BUDGET#2026-11-22\n\
            acme#USAGE | 2026-11-22#bot_01JD0000000000000000000000#1\n\
            acme#CUSTOMER#c#1 | CONNECTION#L0SM9cOFvHcCIhw=\n\
            acme#CUSTOMER#c#1 | CREATION#3#a#b#k#1\n\
            acme#CUSTOMER#c#1 | ERASURE\n\
            acme#ERASURE#era_01JD0000000000000000000000 | ERASURE\n\
            acme#AUDIT#2026-11-22 | 2026-11-22T10:00:00.007Z#aud_01JD0000000000000000000000";
        assert_eq!(listed, expected);
    }

    #[test]
    fn only_a_chatbots_own_key_is_read_as_one() {
        let bot: ChatbotId = "bot_01JD0000000000000000000000".parse().unwrap();
        assert_eq!(chatbot("acme", &bot).chatbot(), Some(("acme", bot.clone())));
        let cleanup = cleanup(&chatbot_partition("acme", &bot), "vs_1");
        assert_eq!((cleanup.chatbot(), document("acme", &bot, "set", 0).chatbot()), (None, None));
    }

    #[test]
    fn an_erasure_under_way_is_read_from_its_key() {
        let era: ErasureId = "era_01JD0000000000000000000000".parse().unwrap();
        assert_eq!(pending_erasure("acme", "auth0|c#1").pending_erasure(), Some(("acme", "auth0|c#1")));
        assert_eq!(erasure("acme", &era).pending_erasure(), None);
        assert_eq!(customer_connection("acme", "c", "ERASURE").pending_erasure(), None);
    }

    #[test]
    fn the_queue_is_sorted_by_the_wait() {
        let thr: ThreadId = "thr_01JD0000000000000000000000".parse().unwrap();
        let bot: ChatbotId = "bot_01JD0000000000000000000000".parse().unwrap();
        let [began, again] = [1, 2].map(At::from_seconds);
        let mut thread = Thread::new("acme", thr, bot, "cus".into(), began);
        let listed_at = |thread: &Thread| thread_indexes(thread, &Timeouts::default())[1].1.clone();
        thread.waiting_since = Some(began);
        thread.status = Status::Queued { since: again, reason: Reason::Released };
        assert_eq!(listed_at(&thread), "1970-01-01T00:00:01.000Z#thr_01JD0000000000000000000000");
        // One from before the field was kept; it has it once an agent has claimed it.
        thread.waiting_since = None;
        assert_eq!(listed_at(&thread), "1970-01-01T00:00:02.000Z#thr_01JD0000000000000000000000");
        let (at, ana) = (At::from_seconds(3), Person { id: "ana".into(), name: None });
        let changed = |thread: &Thread, event| {
            let id = "msg_01JD0000000000000000000000".parse().unwrap();
            thread.change(event, ana.clone(), id).unwrap().unwrap().thread
        };
        let claimed = changed(&thread, Event::Claim { at, agent: ana.clone(), admin: false });
        let released = changed(&claimed, Event::Release { at, to: Line::Queue });
        assert_eq!(listed_at(&released), "1970-01-01T00:00:02.000Z#thr_01JD0000000000000000000000");
    }

    #[test]
    fn a_thread_is_due_where_it_waits_and_else_when_it_is_idle() {
        let thr: ThreadId = "thr_01JD0000000000000000000000".parse().unwrap();
        let bot: ChatbotId = "bot_01JD0000000000000000000000".parse().unwrap();
        let at = At::from_millis(1_795_341_600_007);
        let mut waiting = Thread::new("acme", thr, bot, "cus".into(), at);
        let indexed = |thread: &Thread| thread_indexes(thread, &Timeouts::default());
        let names: Vec<_> = indexed(&waiting).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["status_pk", "status_sk", "customer_pk", "customer_sk", "due_pk", "due_sk"]);
        assert_eq!(indexed(&waiting)[1].1, "2026-11-22T10:00:00.007Z#thr_01JD0000000000000000000000");
        assert_eq!(indexed(&waiting)[5].1, "2026-12-22T10:00:00.007Z");
        waiting.asked_through = 1;
        assert_eq!(indexed(&waiting)[5].1, "2026-11-22T10:00:00.007Z");
        let never = Timeouts { idle: None, ..Timeouts::default() };
        waiting.answered_through = 1;
        assert_eq!(thread_indexes(&waiting, &never).len(), 4);
    }
}
