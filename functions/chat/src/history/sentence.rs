//! The fixed sentences that tell a model about changes of owner. None of them holds a person's words.

use shared::domain::{Line, message::Change};

pub(super) const AGENT_WRITES: &str = "A human agent wrote the assistant messages that follow.";
pub(super) const BOT_WRITES: &str = "You wrote the assistant messages that follow.";
pub(super) const NOTHING_ASKED: &str = "The customer has written nothing since.";

pub(super) const fn sentence(change: Option<&Change>) -> &'static str {
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
