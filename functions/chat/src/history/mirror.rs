//! `conversation` memory: the log as it is, for a server that keeps it.

use shared::{
    domain::message,
    openai::{Input, Phase, Role},
    store::LogEntry,
};

use super::sentence::sentence;

/// True for a message that this conversation produced itself.
pub(super) fn is_from(entry: &LogEntry, conversation: &str) -> bool {
    entry.origin.as_ref().and_then(|origin| origin.conversation_id.as_deref()) == Some(conversation)
}

/// The input items of the entries, oldest first: customers are the user, bot and agents the assistant. A change of
/// owner becomes a fixed sentence of the developer, so that no person's words ever have a developer's authority.
pub(super) fn input(entries: &[LogEntry]) -> Vec<Input> {
    let mut input = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry.role {
            message::Role::Customer => input.push(item(Role::User, &entry.text)),
            message::Role::System => input.push(item(Role::Developer, sentence(entry.event.as_ref()))),
            message::Role::Bot | message::Role::Agent => match phased(entry) {
                Some(items) => input.extend(items),
                None => input.push(item(Role::Assistant, &entry.text)),
            },
        }
    }
    input
}

pub(super) fn item(role: Role, text: &str) -> Input {
    Input::Message { role, text: text.to_owned(), phase: None }
}

/// The commentary and the answer of a message, each with its phase; `None` if the server did not tell them apart.
pub(super) fn phased(entry: &LogEntry) -> Option<impl Iterator<Item = Input>> {
    let origin = entry.origin.as_ref().filter(|origin| origin.is_phased)?;
    let item = |text: &String, phase| Input::Message { role: Role::Assistant, text: text.clone(), phase: Some(phase) };
    let commentary = origin.commentary.iter().map(move |text| item(text, Phase::Commentary));
    Some(commentary.chain([item(&entry.text, Phase::FinalAnswer)]))
}
