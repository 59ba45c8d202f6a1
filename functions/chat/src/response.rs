//! The body of chat's response.

use serde::Serialize;
use shared::{
    domain::{Message, Note, thread},
    sockets::Event,
};

#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) enum ChatResponse {
    Message(Box<MessageResponse>),
    Note(Box<NoteResponse>),
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Turn"))]
pub(crate) struct MessageResponse {
    message: Message,
    /// The first bot message that answers `message`; absent where a person answers, or another run will.
    reply: Option<Message>,
    thread: thread::View,
    /// A run that was under way answers the message.
    #[serde(skip)]
    joined: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PostedNote"))]
pub(crate) struct NoteResponse {
    note: Note,
    thread: thread::View,
}

impl ChatResponse {
    pub(crate) fn note(note: Note, thread: thread::View) -> Self {
        Self::Note(Box::new(NoteResponse { note, thread }))
    }

    pub(crate) fn message(message: Message, reply: Option<Message>, thread: thread::View) -> Self {
        Self::Message(Box::new(MessageResponse { message, reply, thread, joined: false }))
    }

    /// The response to a message that a run under way answers.
    pub(crate) fn joined(message: Message, thread: thread::View) -> Self {
        Self::Message(Box::new(MessageResponse { message, reply: None, thread, joined: true }))
    }

    /// The thread as the request left it.
    pub(crate) fn thread(&self) -> &thread::View {
        match self {
            Self::Message(response) => &response.thread,
            Self::Note(response) => &response.thread,
        }
    }

    /// The last event of a stream.
    pub(crate) fn done(&self) -> Event {
        let joined = matches!(self, Self::Message(response) if response.joined);
        Event::Done { thread_id: self.thread().id.clone(), joined }
    }

    /// True where the response is final (200); false where an answer follows later (202).
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self, Self::Message(response) if response.reply.is_none())
    }
}
