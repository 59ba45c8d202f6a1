//! A submission: the request to post a message or a note, by whom, and the response to its repeats.

use serde::Deserialize;
use shared::{
    App, CustomerUse, Error,
    domain::{
        At, ChatbotId, Identity, Message, MessageId, Note, Role, Thread, ThreadMetadata,
        message::{self, MAX_TEXT_CHARS},
        visible::require_visible,
    },
    fingerprint,
    sockets::Event,
    store::{ClientRow, Commit},
};
use tokio::time::Instant;

use crate::{event_sink::EventSink, response::ChatResponse};

const MAX_CLIENT_ID_CHARS: usize = 64;

/// The characters of the digest by which an edited message is told from others under the same id.
const EDIT_DIGEST_LENGTH: usize = 16;

/// The body of `POST /threads/{thread_id}/chat`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "NewMessage"))]
pub(crate) struct ChatRequest {
    /// With at least one visible character.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_TEXT_CHARS), regex(pattern = r"\S")))]
    text: String,
    /// The client's own id for the message, 1 to 64 characters. A repeat under the same id posts nothing.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    client_id: Option<String>,
    /// The chatbot that the thread has from here on.
    pub(crate) chatbot_id: Option<ChatbotId>,
    /// Posts a note for agents in place of a message.
    #[serde(default)]
    pub(crate) internal: bool,
    /// The `client_id` stands for a message that a front end lets its user edit.
    #[serde(skip)]
    is_editable: bool,
}

/// A request with its author and everything that stays the same over all attempts to write it.
pub(crate) struct Submission<'a> {
    pub(crate) request: &'a ChatRequest,
    pub(crate) identity: &'a Identity,
    pub(crate) message_id: MessageId,
    /// The time by which a run that answers it hands over.
    pub(crate) deadline: Option<Instant>,
    /// The caller's stream.
    pub(crate) sink: EventSink,
}

impl ChatRequest {
    /// A message that came by another protocol, in which an edited message keeps its id.
    pub(crate) fn new(text: String, client_id: String) -> Self {
        Self { text, client_id: Some(client_id), chatbot_id: None, internal: false, is_editable: true }
    }

    /// The request as a new message, for where its `client_id` was used for another text: under an id that follows from
    /// both, so that this text is sent once too. `None` where messages cannot be edited.
    pub(crate) fn edited(&self) -> Option<Self> {
        let id = self.client_id.as_ref().filter(|_| self.is_editable)?;
        let digest = fingerprint(&[id.as_bytes(), self.text.as_bytes()]);
        let start: String = id.chars().take(MAX_CLIENT_ID_CHARS - 1 - EDIT_DIGEST_LENGTH).collect();
        Some(Self::new(self.text.clone(), format!("{start}~{}", &digest[..EDIT_DIGEST_LENGTH])))
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        require_visible("text", &self.text)?;
        if self.text.chars().count() > MAX_TEXT_CHARS {
            return Err(Error::invalid("text", format!("must have at most {MAX_TEXT_CHARS} characters")));
        }
        if self.client_id.as_ref().is_some_and(|id| !(1..=MAX_CLIENT_ID_CHARS).contains(&id.chars().count())) {
            return Err(Error::invalid("client_id", format!("must have 1 to {MAX_CLIENT_ID_CHARS} characters")));
        }
        if self.internal && self.chatbot_id.is_some() {
            return Err(Error::invalid("chatbot_id", "must be absent when `internal` is true"));
        }
        Ok(())
    }

    /// Validates a message of another protocol, by the names that its id and its text have there.
    pub(crate) fn validate_as(&self, id: &str, text: &str) -> Result<(), Error> {
        self.validate().map_err(|error| match error {
            Error::Invalid { field, reason } => Error::invalid(if field == "client_id" { id } else { text }, reason),
            other => other,
        })
    }
}

impl<'a> Submission<'a> {
    pub(crate) fn new(
        app: &App,
        request: &'a ChatRequest,
        identity: &'a Identity,
        deadline: Option<Instant>,
        sink: EventSink,
    ) -> Self {
        Self { request, identity, message_id: app.message_id(), deadline, sink }
    }

    /// The same submission of another request.
    pub(crate) fn with_request(self, request: &'a ChatRequest) -> Self {
        Self { request, ..self }
    }

    /// The message as a use of its author's budgets; agents and admins have none.
    pub(crate) fn counted<'app>(&self, app: &'app App, thread: &Thread, at: At) -> CustomerUse<'app> {
        let counted = CustomerUse::of(app, thread, at);
        if self.identity.is_staff() { counted } else { counted.message() }
    }

    /// Appends the message to the log of the commit's thread, under its `client_id`.
    pub(crate) fn append(&self, commit: &mut Commit, at: At) -> Message {
        let mut message = self.message(&commit.thread, at);
        commit.thread.log(&mut message);
        if self.identity.role == Role::Customer && self.identity.name.is_some() {
            commit.thread.customer_name.clone_from(&self.identity.name);
        }
        if let Some(chatbot) = &self.request.chatbot_id {
            commit.thread.chatbot_id = chatbot.clone();
        }
        commit.client = self.client(message.seq);
        commit.messages.push(message.clone());
        message
    }

    fn message(&self, thread: &Thread, at: At) -> Message {
        Message {
            id: self.message_id.clone(),
            client_id: self.request.client_id.clone(),
            thread_id: thread.id.clone(),
            seq: 0,
            role: if self.identity.role == Role::Customer { message::Role::Customer } else { message::Role::Agent },
            author: self.identity.person(),
            text: self.request.text.clone(),
            at,
            answers: None,
            event: None,
            cut: None,
            sources: Vec::new(),
            usage: None,
            origin: None,
        }
    }

    /// The note, after the thread's last message.
    pub(crate) fn note(&self, thread: &Thread, at: At) -> Note {
        Note {
            id: self.message_id.clone(),
            client_id: self.request.client_id.clone(),
            thread_id: thread.id.clone(),
            after: thread.seq,
            author: self.identity.person(),
            text: self.request.text.clone(),
            at,
        }
    }

    /// The row by which a repeat is recognised. `seq`: the message's, or the one that the note comes after.
    pub(crate) fn client(&self, seq: u64) -> Option<ClientRow> {
        let client_id = self.request.client_id.clone()?;
        let chatbot = self.request.chatbot_id.as_ref().map_or("", ChatbotId::as_str);
        Some(ClientRow {
            author: self.identity.subject.clone(),
            client_id,
            fingerprint: fingerprint(&[
                self.request.text.as_bytes(),
                chatbot.as_bytes(),
                &[u8::from(self.request.internal)],
            ]),
            seq,
            note: self.request.internal.then(|| self.message_id.clone()),
        })
    }

    /// The response in an ended thread: the first one again for a repeat, a conflict for anything new.
    pub(crate) async fn repeat_only(
        &self,
        app: &App,
        thread: Thread,
        metadata: ThreadMetadata,
    ) -> Result<ChatResponse, Error> {
        let earlier = match &self.request.client_id {
            Some(id) => app.store.client_get(&thread.tenant, &thread.id, &self.identity.subject, id).await?,
            None => None,
        };
        match earlier {
            Some(earlier) => self.repeat(app, &thread, &metadata, &earlier).await,
            None => Err(Error::conflict("the thread has ended")),
        }
    }

    /// The first response again, for a repeat under the same `client_id`. [`Error::Mismatch`] where the request
    /// differs.
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
        let lost = || Error::internal("a client id refers to a message that does not exist");
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
        for logged in [Some(&message), reply.as_ref()].into_iter().flatten() {
            self.sink.send(Event::message(logged));
        }
        let is_joined = reply.is_none() && message.seq > thread.answered_through && thread.awaits_bot();
        if is_joined && thread.run_is_live(app.now()) {
            return Ok(ChatResponse::joined(message, view));
        }
        Ok(ChatResponse::message(message, reply, view))
    }
}
