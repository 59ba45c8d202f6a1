//! A chatbot: its model, instructions, tools and knowledge.

mod audience;
mod validation;
mod warning;

use std::{str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{At, ChatbotId, Webhook, budget::ChatbotLimits, webhook};
use crate::Error;

pub use audience::{Audience, ChatbotAccess};
pub use warning::{Warning, WarningCode};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chatbot {
    pub tenant: String,
    pub id: ChatbotId,
    #[serde(flatten)]
    pub config: ChatbotConfig,
    /// The server that runs its functions and is notified of changes of owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Incremented by each change.
    pub version: u64,
    /// Incremented by each change of the audience or the origins: visitors' tokens from before no longer count.
    #[serde(default)]
    pub access_version: u64,
    /// The name of the current set of documents. Each set that is written has a name of its own, so that concurrent
    /// changes do not touch each other's.
    pub documents_set: String,
    /// The names of its documents. Their texts are separate items.
    pub document_names: Vec<String>,
    /// The documents at OpenAI. `None` until they are uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Knowledge>,
    /// The request parameters that the server refused for this version of the chatbot. They are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_parameters: Vec<String>,
    /// The status of the model when the server was last asked.
    #[serde(default, skip_serializing_if = "ModelStatus::is_unremarkable")]
    pub model_status: ModelStatus,
    /// The same of the fallback model; of no meaning without one.
    #[serde(default, skip_serializing_if = "ModelStatus::is_unremarkable")]
    pub fallback_status: ModelStatus,
    /// The time of the next model check: the chatbot's place in the index `due`. `None` for a chatbot that was stored
    /// before there were such checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_check_due: Option<At>,
    pub created_at: At,
    pub updated_at: At,
}

/// The time between two model checks.
pub const MODEL_CHECK_INTERVAL: Duration = Duration::from_hours(24);

/// The same after a check that got no answer.
pub const MODEL_CHECK_RETRY: Duration = Duration::from_hours(1);

/// The time before a model's shutdown from which on its chatbots have a warning.
const SHUTDOWN_NOTICE: Duration = Duration::from_hours(60 * 24);

/// The status of a chatbot's model, as the server last gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelStatus {
    /// The day on which the model ends, `YYYY-MM-DD`, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown_date: Option<String>,
    /// The server said that it does not have the model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_missing: bool,
    /// The server did not say whether it has the model, or could not be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_undetermined: bool,
}

/// The shutdown of a model, seen from a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// At most 60 days ahead.
    Near,
    /// On this day or an earlier one.
    Past,
}

impl ModelStatus {
    pub fn missing() -> Self {
        Self { is_missing: true, ..Self::default() }
    }

    pub fn undetermined() -> Self {
        Self { is_undetermined: true, ..Self::default() }
    }

    /// The shutdown as of `now`. `None` if no date is set, or one more than 60 days ahead.
    pub fn shutdown(&self, now: At) -> Option<Shutdown> {
        let date = self.shutdown_date.as_ref()?;
        if *date <= now.date() {
            return Some(Shutdown::Past);
        }
        (*date <= (now + SHUTDOWN_NOTICE).date()).then_some(Shutdown::Near)
    }

    /// The status after the server was asked again. A shutdown date outlives the model, and an answer without the
    /// model.
    #[must_use]
    pub fn updated(&self, answer: Self) -> Self {
        let is_silent = answer.is_missing || answer.is_undetermined;
        let earlier = self.shutdown_date.clone().filter(|_| is_silent);
        Self { shutdown_date: answer.shutdown_date.or(earlier), ..answer }
    }

    fn is_unremarkable(&self) -> bool {
        *self == Self::default()
    }
}

/// The settings that an admin makes, except the documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatbotConfig {
    pub name: String,
    pub model: String,
    pub instructions: String,
    /// The first message of each new thread. No message is sent if it is empty.
    pub greeting: String,
    /// The sampling temperature, from 0 to 2. Defaults to the model's own.
    pub temperature: Option<f64>,
    /// The limit of a reply, at least 16. Defaults to the model's own.
    pub max_output_tokens: Option<u32>,
    /// The effort of a reasoning model, in the model's own words (`low`, say). Defaults to the model's own.
    #[serde(default)]
    pub reasoning_effort: Option<String>,
    /// The length of the answers, in the model's own words (`low`, `medium`, `high`). Defaults to the model's own.
    #[serde(default)]
    pub verbosity: Option<String>,
    /// The model that answers where the server no longer has `model`.
    #[serde(default)]
    pub fallback_model: Option<String>,
    pub tools: Vec<Tool>,
    pub memory: Memory,
    /// The callers who may use it: the fields `audience` and `public`.
    #[serde(flatten, with = "audience")]
    #[cfg_attr(feature = "schema", schemars(with = "audience::Fields"))]
    pub audience: Audience,
    /// The origins of the pages on which visitors may chat. Empty allows all.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Its own limits. One that is absent is the deployment's; 0 is no limit.
    #[serde(default, skip_serializing_if = "ChatbotLimits::is_unset")]
    pub limits: ChatbotLimits,
}

/// A function that the model may call, in OpenAI's terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tool {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$")))]
    pub name: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 4_000)))]
    pub description: String,
    /// A JSON Schema of an object.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, Value>"))]
    pub parameters: Value,
    #[serde(default)]
    pub strict: bool,
}

/// The location of the model's memory of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Memory {
    /// A conversation at OpenAI, which is only sent what is new.
    #[default]
    Conversation,
    /// No memory at the server: each request contains the recent log. For servers without conversations.
    Local,
}

impl FromStr for Memory {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "conversation" => Ok(Self::Conversation),
            "local" => Ok(Self::Local),
            _ => Err("must be `conversation` or `local`"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Document {
    #[cfg_attr(feature = "schema", schemars(length(max = 100), regex(pattern = r"\S")))]
    pub name: String,
    /// At most 300,000 bytes.
    #[cfg_attr(feature = "schema", schemars(length(max = 300_000), regex(pattern = r"\S")))]
    pub text: String,
}

/// A chatbot's documents as OpenAI holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knowledge {
    pub vector_store_id: String,
    pub file_ids: Vec<String>,
}

/// A chatbot as the API returns it. In lists, only the names of its documents are included.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Chatbot"))]
pub struct View {
    pub id: ChatbotId,
    #[serde(flatten)]
    pub config: ChatbotConfig,
    pub webhook: Option<webhook::View>,
    pub documents: Vec<DocumentView>,
    /// The day on which the model ends, `YYYY-MM-DD`; null if no date is known.
    pub model_shutdown_date: Option<String>,
    pub warnings: Vec<Warning>,
    pub version: u64,
    pub created_at: At,
    pub updated_at: At,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ListedDocument"))]
pub struct DocumentView {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The tool that every bot has, which hands over to a person.
pub const ESCALATE: &str = "escalate_to_human";

impl Chatbot {
    /// The chatbot as the API returns it at `now`; without `documents`, with their names alone.
    pub fn view(&self, documents: Option<&[Document]>, now: At) -> View {
        let named = |name: &String| DocumentView { name: name.clone(), text: None };
        let whole = |it: &Document| DocumentView { name: it.name.clone(), text: Some(it.text.clone()) };
        View {
            id: self.id.clone(),
            config: self.config.clone(),
            webhook: self.webhook.as_ref().map(Webhook::view),
            documents: match documents {
                Some(documents) => documents.iter().map(whole).collect(),
                None => self.document_names.iter().map(named).collect(),
            },
            model_shutdown_date: self.model_status.shutdown_date.clone(),
            warnings: self.warnings(now),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    pub fn profile(&self) -> Profile {
        let ChatbotConfig { name, greeting, .. } = &self.config;
        Profile { id: self.id.clone(), name: name.clone(), greeting: greeting.clone() }
    }

    /// Its models with their status: the model, and the fallback model if there is one.
    pub fn models(&self) -> impl Iterator<Item = ModelInUse<'_>> {
        let fallback = self.config.fallback_model.as_deref();
        let model = ModelInUse { field: "model", name: &self.config.model, status: &self.model_status };
        let fallback = fallback.map(|name| ModelInUse { field: "fallback_model", name, status: &self.fallback_status });
        std::iter::once(model).chain(fallback)
    }
}

/// A chatbot as everybody who talks to it may see it. The greeting is shown before a thread exists.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ChatbotProfile"))]
pub struct Profile {
    pub id: ChatbotId,
    pub name: String,
    pub greeting: String,
}

/// One of a chatbot's models.
#[derive(Clone, Copy, Debug)]
pub struct ModelInUse<'a> {
    /// The field of the chatbot that names it.
    pub field: &'static str,
    pub name: &'a str,
    pub status: &'a ModelStatus,
}

impl ChatbotConfig {
    /// Checks that visitors may chat on a page with this origin.
    pub fn admits(&self, origin: Option<&str>) -> Result<(), Error> {
        if self.audience != Audience::Public {
            return Err(Error::Forbidden("this chatbot is not public"));
        }
        if self.origins.is_empty() || origin.is_some_and(|origin| self.origins.iter().any(|it| it == origin)) {
            return Ok(());
        }
        Err(Error::Forbidden("this chatbot is not available on this origin"))
    }
}
