//! Creating a thread, in the table and at OpenAI.

use std::collections::BTreeMap;

use lambda_http::Body;
use serde::Deserialize;
use serde_json::Value;
use shared::{
    App, Error,
    domain::{
        Act, Chatbot, ChatbotId, Identity, Message, Person, Thread, ThreadId, ThreadMetadata, chatbot::Memory,
        identity::is_subject, message::Role, visible::is_visible,
    },
    store::{Created, Creation},
};

/// Body of `POST /threads`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "NewThread"))]
pub(crate) struct Create {
    chatbot_id: ChatbotId,
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    title: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// The customer that the thread belongs to. Required from agents and admins; refused from customers, whose threads
    /// are their own.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = shared::domain::identity::SUBJECT)))]
    customer_id: Option<String>,
}

/// Creates the thread. If OpenAI cannot be reached, the first run creates the conversation.
pub(crate) async fn create(
    app: &App,
    identity: &Identity,
    body: Create,
    idempotency_key: Option<&str>,
    raw_body: &Body,
) -> Result<Value, Error> {
    identity.may(Act::ThreadCreate)?;
    identity.may_have(&body.chatbot_id)?;
    let customer_id = customer_id(identity, body.customer_id)?;
    let mut metadata = ThreadMetadata { title: body.title, metadata: body.metadata };
    if !identity.is_staff() {
        ThreadMetadata::check_self_given(metadata.metadata.keys())?;
        let verified = identity.verified.iter().map(|(key, value)| (ThreadMetadata::verified(key), value.clone()));
        metadata.metadata.extend(verified);
    }
    metadata.validate()?;
    let mut creation =
        Creation::under(identity, idempotency_key, &["POST /threads".as_bytes(), raw_body.as_ref()], app.now());
    if let Some(response) = app.store.earlier_response(&creation).await? {
        return Ok(response);
    }
    let chatbot = app.store.chatbot_get(&identity.tenant, &body.chatbot_id).await?;
    let chatbot = chatbot.ok_or_else(|| Error::invalid("chatbot_id", "there is no such chatbot"))?;
    chatbot.admits(identity)?;

    app.admit_thread(identity, &chatbot).await?;

    let id = ThreadId::new(app.ulid());
    let mut thread = Thread::new(&identity.tenant, id, chatbot.id.clone(), customer_id, app.now());
    thread.customer_name = identity.name.clone().filter(|_| !identity.is_staff());
    let greeting = greeting(app, &mut thread, &chatbot);
    if app.memory_of(&chatbot) == Memory::Conversation {
        let pairs = metadata.mirrored(&thread.id);
        thread.openai.conversation_id = app.briefly(app.openai.conversation_create(&pairs)).await.ok();
    }
    let response = creation.record(&thread.view(&metadata))?;
    let created = app.store.thread_create(&thread, &metadata, greeting.as_ref(), &creation).await;
    if !matches!(created, Ok(Created::New))
        && let Some(conversation) = &thread.openai.conversation_id
    {
        // The conversation is not used: another request with the same key came first, or the write failed.
        let _ = app.openai.conversation_delete(conversation).await;
    }
    match created? {
        Created::New => Ok(response),
        Created::Before(earlier) => earlier.response(),
    }
}

fn customer_id(identity: &Identity, requested: Option<String>) -> Result<String, Error> {
    match requested {
        None if identity.is_staff() => Err(Error::invalid("customer_id", "is required for agents and admins")),
        None => Ok(identity.subject.clone()),
        Some(_) if !identity.is_staff() => Err(Error::Forbidden("only agents and admins may set customer_id")),
        Some(requested) if is_subject(&requested) => Ok(requested),
        Some(_) => Err(Error::invalid("customer_id", "must have 1 to 128 characters, none of them control characters")),
    }
}

/// Logs the chatbot's greeting as the first message, if it has one.
fn greeting(app: &App, thread: &mut Thread, chatbot: &Chatbot) -> Option<Message> {
    if !is_visible(&chatbot.config.greeting) {
        return None;
    }
    let mut greeting = Message {
        id: app.message_id(),
        client_id: None,
        thread_id: thread.id.clone(),
        seq: 0,
        role: Role::Bot,
        author: Person { id: chatbot.id.to_string(), name: Some(chatbot.config.name.clone()) },
        text: chatbot.config.greeting.clone(),
        at: thread.created_at,
        answers: None,
        event: None,
        cut: None,
        sources: Vec::new(),
        usage: None,
        origin: None,
    };
    thread.log(&mut greeting);
    Some(greeting)
}
