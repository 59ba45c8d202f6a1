//! What was said, and what is answered to whoever said it.

use serde::{Deserialize, Serialize};
use shared::{
    App, Error,
    domain::{
        At, ChatbotId, Identity, Message, MessageId, Note, Role, Thread, ThreadMetadata,
        message::{self, TEXT_MAX},
        thread,
    },
    http,
    sockets::Event,
    store::ClientRow,
};
use tokio::time::Instant;

use crate::stream::EventSink;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatRequest {
    text: String,
    /// The client's own id for the message: said twice under the same one, it is said once.
    client_id: Option<String>,
    /// From here on, this chatbot's thread.
    pub(crate) chatbot_id: Option<ChatbotId>,
    /// A note for agents.
    #[serde(default)]
    pub(crate) internal: bool,
}

/// A message to be, and whose it is.
pub(crate) struct Submission<'a> {
    pub(crate) say: &'a ChatRequest,
    pub(crate) identity: &'a Identity,
    /// The same however often it takes to write it.
    pub(crate) message_id: MessageId,
    /// When a run that answers it has to hand over.
    pub(crate) deadline: Option<Instant>,
    /// Hears what comes of it.
    pub(crate) sink: EventSink,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ChatResponse {
    Message(Box<MessageResponse>),
    Note(Box<Noted>),
}

#[derive(Serialize)]
pub(crate) struct MessageResponse {
    message: Message,
    /// The first bot message that answers it; none where somebody else has answered or will.
    reply: Option<Message>,
    thread: thread::View,
    /// A run that was under way answers it.
    #[serde(skip)]
    joined: bool,
}

#[derive(Serialize)]
pub(crate) struct Noted {
    note: Note,
    thread: thread::View,
}

impl ChatResponse {
    pub(crate) fn note(note: Note, thread: thread::View) -> Self {
        Self::Note(Box::new(Noted { note, thread }))
    }

    pub(crate) fn message(message: Message, reply: Option<Message>, thread: thread::View) -> Self {
        Self::Message(Box::new(MessageResponse { message, reply, thread, joined: false }))
    }

    #[must_use]
    pub(crate) fn joined(mut self) -> Self {
        if let Self::Message(answered) = &mut self {
            answered.joined = true;
        }
        self
    }

    /// The thread, as it was left.
    pub(crate) fn thread(&self) -> &thread::View {
        match self {
            Self::Message(answered) => &answered.thread,
            Self::Note(noted) => &noted.thread,
        }
    }

    /// The end of a stream.
    pub(crate) fn done(&self) -> Event {
        let joined = matches!(self, Self::Message(answered) if answered.joined);
        Event::Done { thread_id: self.thread().id.clone(), joined }
    }

    /// Whether nothing more is to come: 200. Else somebody will answer: 202.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self, Self::Message(answered) if answered.reply.is_none())
    }
}

impl ChatRequest {
    /// A customer's message by another wire.
    pub(crate) fn new(text: String, client_id: String) -> Self {
        Self { text, client_id: Some(client_id), chatbot_id: None, internal: false }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.text.trim().is_empty() {
            return Err(Error::invalid("text", "must not be empty"));
        }
        if self.text.chars().count() > TEXT_MAX {
            return Err(Error::invalid("text", format!("must have at most {TEXT_MAX} characters")));
        }
        if self.client_id.as_ref().is_some_and(|id| !(1..=64).contains(&id.chars().count())) {
            return Err(Error::invalid("client_id", "must have 1 to 64 characters"));
        }
        if self.internal && self.chatbot_id.is_some() {
            return Err(Error::invalid("chatbot_id", "a note changes no chatbot"));
        }
        Ok(())
    }
}

impl<'a> Submission<'a> {
    pub(crate) fn new(
        app: &App,
        say: &'a ChatRequest,
        identity: &'a Identity,
        deadline: Option<Instant>,
        sink: EventSink,
    ) -> Self {
        Self { say, identity, message_id: app.message_id(), deadline, sink }
    }

    /// The message, at a place in the log that is still to be found.
    pub(crate) fn message(&self, thread: &Thread, at: At) -> Message {
        Message {
            id: self.message_id.clone(),
            client_id: self.say.client_id.clone(),
            thread_id: thread.id.clone(),
            seq: 0,
            role: if self.identity.role == Role::Customer { message::Role::Customer } else { message::Role::Agent },
            author: self.identity.person(),
            text: self.say.text.clone(),
            at,
            answers: None,
            event: None,
            origin: None,
        }
    }

    pub(crate) fn note(&self, thread: &Thread, at: At) -> Note {
        Note {
            id: self.message_id.clone(),
            client_id: self.say.client_id.clone(),
            thread_id: thread.id.clone(),
            after: thread.seq,
            author: self.identity.person(),
            text: self.say.text.clone(),
            at,
        }
    }

    /// What is kept to know this message again, at the place it got.
    pub(crate) fn client(&self, seq: u64) -> Option<ClientRow> {
        let client_id = self.say.client_id.clone()?;
        let chatbot = self.say.chatbot_id.as_ref().map_or("", ChatbotId::as_str);
        Some(ClientRow {
            author: self.identity.subject.clone(),
            client_id,
            fingerprint: http::fingerprint(&[
                self.say.text.as_bytes(),
                chatbot.as_bytes(),
                &[u8::from(self.say.internal)],
            ]),
            seq,
            note: self.say.internal.then(|| self.message_id.clone()),
        })
    }

    /// The answer in an ended thread: the first one again, where this was said before.
    pub(crate) async fn again(
        &self,
        app: &App,
        thread: Thread,
        metadata: ThreadMetadata,
    ) -> Result<ChatResponse, Error> {
        let earlier = match &self.say.client_id {
            Some(id) => app.store.client_get(&thread.tenant, &thread.id, &self.identity.subject, id).await?,
            None => None,
        };
        match earlier {
            Some(earlier) => self.repeat(app, &thread, &metadata, &earlier).await,
            None => Err(Error::conflict("the thread has ended")),
        }
    }

    /// The first answer to what has been said before, under the same `client_id`.
    pub(crate) async fn repeat(
        &self,
        app: &App,
        thread: &Thread,
        metadata: &ThreadMetadata,
        earlier: &ClientRow,
    ) -> Result<ChatResponse, Error> {
        if self.client(earlier.seq).is_none_or(|now| now.fingerprint != earlier.fingerprint) {
            return Err(Error::Mismatch("this client_id"));
        }
        let (tenant, id) = (&thread.tenant, &thread.id);
        let view = thread.view(metadata);
        let lost = || Error::internal("a client id points to nothing");
        if let Some(note) = &earlier.note {
            let note = app.store.note_get(tenant, id, earlier.seq, note).await?.ok_or_else(lost)?;
            self.sink.send(Event::note(&note));
            return Ok(ChatResponse::note(note, view));
        }
        let (message, reply) = tokio::try_join!(
            app.store.message_get(tenant, id, earlier.seq),
            app.store.reply_to(tenant, id, earlier.seq)
        )?;
        let message = message.ok_or_else(lost)?;
        [Some(&message), reply.as_ref()].into_iter().flatten().for_each(|said| self.sink.send(Event::message(said)));
        Ok(ChatResponse::message(message, reply, view))
    }
}
