//! The part of the log that a request to the model carries.

use shared::{
    App, Error,
    domain::{
        Line, Message, Thread,
        message::{self, Change},
    },
    openai::{Input, Role},
};

/// The size limit of the history in one request: 12,000 tokens at four bytes each. The newest messages win.
pub(crate) const MAX_HISTORY_BYTES: usize = 12_000 * 4;

/// The log after `after`, through `thread.seq`, as input: without the messages that `conversation` itself produced, and
/// within [`MAX_HISTORY_BYTES`]. `log_tail` holds messages at the log's end that need not be read again.
pub(crate) async fn input(
    app: &App,
    thread: &Thread,
    after: u64,
    log_tail: &[Message],
    conversation: Option<&str>,
) -> Result<Vec<Input>, Error> {
    let mut newest_first = log_tail.iter().rev().filter(|message| message.seq > after).cloned().collect::<Vec<_>>();
    let mut before = newest_first.last().map_or(thread.seq + 1, |oldest| oldest.seq);
    let mut left = MAX_HISTORY_BYTES;
    let mut input = Vec::new();
    loop {
        for message in newest_first.drain(..) {
            // The newest message is sent however long it is: without it there is nothing to answer.
            let fits = message.text.len() <= left || input.is_empty();
            if message.seq <= after || !fits {
                return Ok(oldest_first(input));
            }
            left = left.saturating_sub(message.text.len());
            let ours = message.origin.as_ref().is_some_and(|origin| origin.conversation_id.is_some())
                && message.origin.as_ref().and_then(|origin| origin.conversation_id.as_deref()) == conversation;
            if !ours {
                input.push(item(&message));
            }
        }
        if before <= after + 1 || before <= 1 || left == 0 {
            return Ok(oldest_first(input));
        }
        let page = app.store.log_before(&thread.tenant, &thread.id, Some(before), 50).await?;
        before = page.messages.first().map_or(0, |oldest| oldest.seq);
        newest_first = page.messages;
        newest_first.reverse();
    }
}

fn oldest_first(mut input: Vec<Input>) -> Vec<Input> {
    input.reverse();
    input
}

/// The input item of a message: customers are the user, bot and agents the assistant. A change of owner becomes a fixed
/// sentence of the developer, so that no person's words ever have a developer's authority.
fn item(message: &Message) -> Input {
    let (role, text) = match (message.role, &message.event) {
        (message::Role::Customer, _) => (Role::User, message.text.clone()),
        (message::Role::Bot | message::Role::Agent, _) => (Role::Assistant, message.text.clone()),
        (message::Role::System, change) => (Role::Developer, sentence(change.as_ref()).to_owned()),
    };
    Input::message(role, text)
}

fn sentence(change: Option<&Change>) -> &'static str {
    match change {
        Some(Change::Escalated { .. }) => "The customer was put in the queue for a human agent.",
        Some(Change::Claimed { .. }) => "A human agent took over. The assistant messages that follow are theirs.",
        Some(Change::Released { to: Line::Bot }) => "The human agent left. You answer again from here on.",
        Some(Change::Released { to: Line::Queue }) => "The human agent left. The customer waits for another one.",
        Some(Change::TimedOut { to: Line::Bot }) => "No human agent came in time. You answer again from here on.",
        Some(Change::TimedOut { to: Line::Queue }) => {
            "The human agent did not answer in time. The customer waits for another one."
        }
        Some(Change::Ended) | None => "The conversation was closed.",
    }
}
