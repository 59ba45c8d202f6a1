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
    /// The first bot message that answers `message`; null where a person answers, or another run will.
    reply: Option<Message>,
    thread: thread::View,
    #[serde(skip)]
    answering: Answering,
}

/// The run that answers a message.
#[derive(Clone, Copy, PartialEq)]
enum Answering {
    /// This request's, unless a person does.
    Here,
    /// One that was under way.
    Joined,
    /// One that the sweep will start: this request's has failed.
    Later,
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
        Self::Message(Box::new(MessageResponse { message, reply, thread, answering: Answering::Here }))
    }

    /// The response to a message that a run under way answers.
    pub(crate) fn joined(message: Message, thread: thread::View) -> Self {
        Self::Message(Box::new(MessageResponse { message, reply: None, thread, answering: Answering::Joined }))
    }

    /// The response to a message whose run has failed.
    pub(crate) fn failed(message: Message, thread: thread::View) -> Self {
        Self::Message(Box::new(MessageResponse { message, reply: None, thread, answering: Answering::Later }))
    }

    /// The response once the run under way has answered, or another owner will.
    pub(crate) fn answered(self, reply: Option<Message>, thread: thread::View) -> Self {
        match self {
            Self::Message(response) => Self::message(response.message, reply, thread),
            note @ Self::Note(_) => note,
        }
    }

    /// The `seq` of the message that a run under way answers.
    pub(crate) fn awaited(&self) -> Option<u64> {
        match self {
            Self::Message(response) if response.answering == Answering::Joined => Some(response.message.seq),
            _ => None,
        }
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
        let joined = matches!(self, Self::Message(response) if response.answering != Answering::Here);
        Event::Done { thread_id: self.thread().id.clone(), joined }
    }

    /// True where the response is final (200); false where an answer follows later (202).
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self, Self::Message(response) if response.reply.is_none())
    }
}
