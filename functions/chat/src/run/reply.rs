//! The reply in an outcome: its text, and what is kept beside it.

use serde_json::Value;
use shared::{
    domain::{
        Chatbot, Usage,
        message::{Cut, Origin, Source},
        visible::is_visible,
    },
    openai::{Call, Incomplete, Outcome},
};

use super::turn::Turn;

/// The most commentary and sources that are kept beside a reply: they share an item of the table with it.
const MAX_COMMENTARY_BYTES: usize = 64 * 1024;
const MAX_SOURCES: usize = 100;
const MAX_SOURCE_CHARS: usize = 200;

/// A reply of the model, or its words of hand-over.
pub(super) struct ModelReply {
    pub(super) text: String,
    pub(super) cut: Option<Cut>,
    pub(super) sources: Vec<Source>,
    pub(super) usage: Option<Usage>,
    pub(super) origin: Origin,
}

/// The reply in the last outcome of a turn; `None` where it holds no words. A refusal in the model's own words is one.
pub(super) fn reply(
    chatbot: &Chatbot,
    outcome: Outcome,
    conversation: Option<&str>,
    turn: &Turn,
) -> Option<ModelReply> {
    let text = if is_visible(&outcome.text) { outcome.text } else { outcome.refusal.unwrap_or_default() };
    if !is_visible(&text) {
        return None;
    }
    let cut = match outcome.incomplete {
        Some(Incomplete::MaxOutputTokens) => Some(Cut::Length),
        Some(Incomplete::ContentFilter) => Some(Cut::Filter),
        Some(Incomplete::Other) | None => None,
    };
    let (mut commentary, mut commentary_bytes) = (turn.commentary.clone(), 0);
    commentary.retain(|aside| {
        commentary_bytes += aside.len();
        *aside != text && commentary_bytes <= MAX_COMMENTARY_BYTES
    });
    let origin = Origin {
        // Without its id here, a conversation counts as one in doubt.
        conversation_id: conversation.filter(|_| !turn.is_conversation_spoiled).map(str::to_owned),
        response_id: conversation.map(|_| outcome.response_id).filter(|id| !id.is_empty()),
        commentary,
        is_phased: outcome.is_phased,
    };
    let usage = Some(turn.usage).filter(|usage| *usage != Usage::default());
    Some(ModelReply { text, cut, sources: sources(chatbot, &outcome.cited_files), usage, origin })
}

/// The cited documents. A file is known by its name, to which the upload may have added an ending, or by its id. One
/// with a name that is no document's keeps it: the server has files of its own.
fn sources(chatbot: &Chatbot, cited_files: &[String]) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for cited in cited_files {
        let by_id = || {
            let place = chatbot.knowledge.as_ref()?.file_ids.iter().position(|id| id == cited)?;
            chatbot.document_names.get(place)
        };
        let is_named = |name: &&String| *name == cited || cited.strip_suffix(".txt") == Some(name);
        let known = chatbot.document_names.iter().find(is_named).or_else(by_id);
        let is_id = ["file-", "file_"].iter().any(|prefix| cited.starts_with(prefix));
        let Some(document) = known.or(Some(cited).filter(|_| !is_id)).cloned() else { continue };
        let source = Source { document: document.chars().take(MAX_SOURCE_CHARS).collect() };
        if !sources.contains(&source) && sources.len() < MAX_SOURCES {
            sources.push(source);
        }
    }
    sources
}

/// The reason that the model gives for handing over: at most 500 characters, `None` where it cannot be read.
pub(super) fn reason_of(call: &Call) -> Option<String> {
    let arguments: Value = serde_json::from_str(&call.arguments).ok()?;
    let reason: String = arguments.get("reason")?.as_str()?.chars().take(500).collect();
    Some(reason).filter(|reason| is_visible(reason))
}
