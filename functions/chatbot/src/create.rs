//! Creating a chatbot, in the table and at OpenAI.

use lambda_http::Body;
use serde::Deserialize;
use serde_json::Value;
use shared::{
    App, Error,
    domain::{
        Act, Chatbot, ChatbotId, Identity, Webhook,
        audit::AuditedAct,
        budget::ChatbotLimits,
        chatbot::{Audience, ChatbotConfig, Document, MODEL_CHECK_INTERVAL, Memory, ModelStatus, Tool},
    },
    store::{Created, Creation},
};

use crate::model::ModelChecks;

/// Body of `POST /chatbots`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "NewChatbot"))]
pub(crate) struct Create {
    /// Shown to customers as the author of its messages.
    #[cfg_attr(feature = "schema", schemars(length(max = 100), regex(pattern = r"\S")))]
    name: String,
    /// OpenAI's name of the model, or another server's.
    #[cfg_attr(feature = "schema", schemars(length(max = 200), regex(pattern = r"\S")))]
    model: String,
    /// Sent to the model before each conversation.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 32_000)))]
    instructions: String,
    /// The first message of each new thread. None is sent if it is empty.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 4_000)))]
    greeting: String,
    /// The sampling temperature. Null: the model's own.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 2)))]
    temperature: Option<f64>,
    /// The limit of a reply. Null: the model's own.
    #[cfg_attr(feature = "schema", schemars(range(min = 16, max = u32::MAX)))]
    max_output_tokens: Option<u32>,
    /// The effort of a reasoning model, in the model's words (`low`, say). Null: the model's own.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]{1,20}$")))]
    reasoning_effort: Option<String>,
    /// The length of the answers, in the model's words (`low`, say). Null: the model's own.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]{1,20}$")))]
    verbosity: Option<String>,
    /// The model that answers once the server no longer has `model`.
    #[cfg_attr(feature = "schema", schemars(length(max = 200), regex(pattern = r"\S")))]
    fallback_model: Option<String>,
    /// Functions that the webhook runs for the model. Their names differ.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 32)))]
    tools: Vec<Tool>,
    /// Texts that the model searches. Their names differ.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    documents: Vec<Document>,
    /// The place of the model's memory of a thread.
    #[serde(default)]
    memory: Memory,
    /// The server that runs the functions and is told of changes of owner.
    webhook: Option<Webhook>,
    /// `public`: anybody may chat, without an account; `customers` (default): customers who are logged in; `staff`:
    /// agents and admins, who try it as visitors.
    audience: Option<Audience>,
    /// True stands for the audience `public`, false for `customers`.
    public: Option<bool>,
    /// The origins of the pages on which visitors may chat, like `https://shop.example`. Empty: all.
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schemars(length(max = 20), inner(length(max = 300), regex(pattern = "^https?://[^/]+$")))
    )]
    origins: Vec<String>,
    /// Its own limits. One that is absent is the deployment's; 0 is no limit.
    #[serde(default)]
    limits: ChatbotLimits,
}

/// Creates the chatbot. If OpenAI cannot be reached, its first run uploads the documents.
pub(crate) async fn create(
    app: &App,
    identity: &Identity,
    body: Create,
    idempotency_key: Option<&str>,
    raw_body: &Body,
) -> Result<Value, Error> {
    identity.may(Act::ChatbotWrite)?;
    let (config, documents, webhook) = body.split()?;
    config.validate()?;
    let webhook = webhook.map(|given| app.webhooks.validated(&given)).transpose()?;
    Document::validate(&documents)?;
    let mut creation =
        Creation::under(identity, idempotency_key, &["POST /chatbots".as_bytes(), raw_body.as_ref()], app.now());
    if let Some(response) = app.store.earlier_response(&creation).await? {
        return with_documents(response, &documents);
    }

    let now = app.now();
    let mut chatbot = Chatbot {
        tenant: identity.tenant.clone(),
        id: ChatbotId::new(app.ulid()),
        config,
        webhook,
        version: 1,
        access_version: 0,
        documents_set: app.ulid().to_string(),
        document_names: documents.iter().map(|document| document.name.clone()).collect(),
        knowledge: None,
        refused_parameters: Vec::new(),
        model_status: ModelStatus::default(),
        fallback_status: ModelStatus::default(),
        model_check_due: Some(now + MODEL_CHECK_INTERVAL),
        created_at: now,
        updated_at: now,
    };
    ModelChecks::default().run(app, None, &mut chatbot, now).await?;
    if !documents.is_empty() && app.memory_of(&chatbot) == Memory::Conversation {
        chatbot.knowledge = app.knowledge_create(&chatbot, &documents).await.ok();
    }
    // Stored without the documents' texts, which may be too long to keep twice: a repeated request contains the same
    // ones.
    let response = creation.record(&chatbot.view(None, now))?;
    let audit = app.audit_entry(identity, AuditedAct::ChatbotCreated).map(|entry| entry.about_chatbot(&chatbot.id));
    let created = app.store.chatbot_create(&chatbot, &documents, &creation, audit.as_ref()).await;
    if !matches!(created, Ok(Created::New))
        && let Some(unused) = &chatbot.knowledge
    {
        // The knowledge is not used: another request with the same key came first, or the write failed.
        let _ = app.delete_remote(&unused.clone().into()).await;
    }
    match created? {
        Created::New => with_documents(response, &documents),
        Created::Before(earlier) => with_documents(earlier.response()?, &documents),
    }
}

impl Create {
    fn split(self) -> Result<(ChatbotConfig, Vec<Document>, Option<Webhook>), Error> {
        let config = ChatbotConfig {
            name: self.name,
            model: self.model,
            instructions: self.instructions,
            greeting: self.greeting,
            temperature: self.temperature,
            max_output_tokens: self.max_output_tokens,
            reasoning_effort: self.reasoning_effort,
            verbosity: self.verbosity,
            fallback_model: self.fallback_model,
            tools: self.tools,
            memory: self.memory,
            audience: Audience::requested(self.audience, self.public, Audience::default())?,
            origins: self.origins,
            limits: self.limits,
        };
        Ok((config, self.documents, self.webhook))
    }
}

fn with_documents(mut response: Value, documents: &[Document]) -> Result<Value, Error> {
    response["documents"] = serde_json::to_value(documents).map_err(Error::internal)?;
    Ok(response)
}
