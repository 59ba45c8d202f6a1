//! The part of the log that a request to the model carries.
//!
//! With `conversation` memory OpenAI keeps what was said before, so that the log since then goes along as it is
//! ([`mirror`]). With `local` memory each request carries the recent log, in the strict order that the chat templates
//! of other servers ask for ([`alternation`]).
//!
//! The two parts of a `local` request that servers can cache come first and stay as they are from turn to turn: the
//! instructions, and the log from a start that moves in steps ([`start`]).

mod alternation;
mod mirror;
mod sentence;
mod start;
pub(crate) mod token_budget;

use shared::{
    App, Error,
    domain::{Message, Thread, message::Role},
    openai::Input,
    store::LogEntry,
};

pub(crate) use token_budget::{TokenBudget, estimate_tokens};

/// The most log entries that one query reads.
const PAGE: u64 = start::MOST;

/// The log's part in a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) input: Vec<Input>,
    /// Text to append to the chatbot's instructions. `None` where OpenAI keeps the conversation.
    pub(crate) instructions: Option<String>,
}

/// The log after `after`, through `thread.seq`, as far as it fits into the budget; the newest messages win. Without the
/// messages that `conversation` itself produced. `log_tail` holds messages at the log's end that need not be read
/// again.
pub(crate) async fn input(
    app: &App,
    thread: &Thread,
    after: u64,
    log_tail: &[Message],
    conversation: Option<&str>,
    budget: &TokenBudget,
) -> Result<History, Error> {
    let Some(conversation) = conversation else {
        let after = after.max(start::earliest(thread.seq));
        let mut entries = newest(app, thread, after, log_tail, budget, |_| true).await?;
        let start = start::steady(&entries, after, budget);
        entries.retain(|entry| entry.seq >= start);
        return Ok(alternation::history(&as_it_was_seen(entries)));
    };
    let is_new = |entry: &LogEntry| !mirror::is_from(entry, conversation);
    let entries = newest(app, thread, after, log_tail, budget, is_new).await?;
    Ok(History { input: mirror::input(&as_it_was_seen(entries)), instructions: None })
}

/// The entries, newest first, in the order in which the model saw them: an answer comes before the customer's messages
/// that were logged while it was written, and that it does not answer.
fn as_it_was_seen(newest_first: Vec<LogEntry>) -> Vec<LogEntry> {
    let mut seen = Vec::<LogEntry>::with_capacity(newest_first.len());
    for entry in newest_first.into_iter().rev() {
        let unanswered = |earlier: &LogEntry| {
            let through = entry.answers.map_or(u64::MAX, |answers| answers.through);
            earlier.role == Role::Customer && earlier.seq > through
        };
        let place = seen.iter().position(unanswered).unwrap_or(seen.len());
        seen.insert(place, entry);
    }
    seen
}

/// The wanted entries after `after` that fit into the budget, newest first.
async fn newest(
    app: &App,
    thread: &Thread,
    after: u64,
    log_tail: &[Message],
    budget: &TokenBudget,
    is_wanted: impl Fn(&LogEntry) -> bool + Send + Sync,
) -> Result<Vec<LogEntry>, Error> {
    let (mut entries, mut left) = (Vec::<LogEntry>::new(), budget.left());
    let mut take = |entry: LogEntry| {
        if !is_wanted(&entry) {
            return true;
        }
        let tokens = token_budget::tokens(&entry);
        // The newest message is sent however long it is: without it there is nothing to answer.
        if tokens > left && !entries.is_empty() {
            return false;
        }
        left = left.saturating_sub(tokens);
        entries.push(entry);
        true
    };
    let mut through = thread.seq;
    for message in log_tail.iter().rev().filter(|message| message.seq > after) {
        if !take(message.into()) {
            return Ok(entries);
        }
        through = message.seq - 1;
    }
    while through > after {
        let from = (after + 1).max((through + 1).saturating_sub(PAGE));
        if !app.store.log_entries(&thread.tenant, &thread.id, from..=through, &mut take).await? {
            break;
        }
        through = from - 1;
    }
    Ok(entries)
}
