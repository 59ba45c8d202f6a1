//! A chatbot: its model, instructions, tools and knowledge.

use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{At, ChatbotId, Webhook, webhook};
use crate::Error;

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
    /// The name of the current set of documents. Each set that is written has a name of its own, so that concurrent
    /// changes do not touch each other's.
    pub documents_set: String,
    /// The names of its documents. Their texts are separate items.
    pub document_names: Vec<String>,
    /// The documents at OpenAI. `None` until they are uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Knowledge>,
    pub created_at: At,
    pub updated_at: At,
}

/// The settings that an admin makes, except the documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    pub tools: Vec<Tool>,
    pub memory: Memory,
    /// Allows visitors: anybody may chat, without a token from an identity provider.
    #[serde(default)]
    pub public: bool,
    /// The origins of the pages on which visitors may chat. Empty allows all.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// A function that the model may call, in OpenAI's terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// A JSON Schema of an object.
    pub parameters: Value,
    #[serde(default)]
    pub strict: bool,
}

/// The location of the model's memory of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
pub struct Document {
    pub name: String,
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
pub struct View {
    pub id: ChatbotId,
    #[serde(flatten)]
    pub config: ChatbotConfig,
    pub webhook: Option<webhook::View>,
    pub documents: Vec<DocumentView>,
    pub version: u64,
    pub created_at: At,
    pub updated_at: At,
}

#[derive(Clone, Debug, Serialize)]
pub struct DocumentView {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The tool that every bot has, which hands over to a person.
pub const ESCALATE: &str = "escalate_to_human";

impl Chatbot {
    pub fn view(&self, documents: Option<&[Document]>) -> View {
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
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

impl ChatbotConfig {
    pub fn validate(&self) -> Result<(), Error> {
        length("name", &self.name, 1, 100)?;
        length("model", &self.model, 1, 200)?;
        length("instructions", &self.instructions, 0, 32_000)?;
        length("greeting", &self.greeting, 0, 4_000)?;
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return Err(Error::invalid("temperature", "must be from 0 to 2"));
        }
        if self.max_output_tokens.is_some_and(|n| n < 16) {
            return Err(Error::invalid("max_output_tokens", "must be at least 16"));
        }
        if self.tools.len() > 32 {
            return Err(Error::invalid("tools", "must have at most 32 entries"));
        }
        for (i, tool) in self.tools.iter().enumerate() {
            tool.validate(i)?;
            if self.tools[..i].iter().any(|other| other.name == tool.name) {
                return Err(Error::invalid(format!("tools[{i}].name"), "is already used by an earlier tool"));
            }
        }
        if serde_json::to_string(&self.tools).map_or(0, |text| text.len()) > 64_000 {
            return Err(Error::invalid("tools", "must be at most 64,000 bytes as JSON"));
        }
        if self.origins.len() > 20 {
            return Err(Error::invalid("origins", "must have at most 20 entries"));
        }
        for (i, origin) in self.origins.iter().enumerate() {
            let is_origin = Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !is_origin || !origin.starts_with("http") {
                return Err(Error::invalid(format!("origins[{i}]"), "must be an origin like https://shop.example"));
            }
        }
        Ok(())
    }

    /// Checks that visitors may chat on a page with this origin.
    pub fn admits(&self, origin: Option<&str>) -> Result<(), Error> {
        if !self.public {
            return Err(Error::Forbidden("this chatbot is not public"));
        }
        if self.origins.is_empty() || origin.is_some_and(|origin| self.origins.iter().any(|it| it == origin)) {
            return Ok(());
        }
        Err(Error::Forbidden("this chatbot is not available on this origin"))
    }
}

impl Tool {
    fn validate(&self, i: usize) -> Result<(), Error> {
        let field = |name: &str| format!("tools[{i}].{name}");
        let is_name_byte = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(is_name_byte) {
            return Err(Error::invalid(field("name"), "must be 1 to 64 letters, digits, _ or -"));
        }
        if self.name == ESCALATE {
            return Err(Error::invalid(field("name"), "is reserved: every chatbot has this tool built in"));
        }
        length(&field("description"), &self.description, 0, 4_000)?;
        if !self.parameters.is_object() {
            return Err(Error::invalid(field("parameters"), "must be a JSON Schema object"));
        }
        if depth(&self.parameters) > 20 {
            return Err(Error::invalid(field("parameters"), "must be nested at most 20 levels deep"));
        }
        Ok(())
    }
}

impl Document {
    pub const MAX_COUNT: usize = 100;

    /// Checks that names are unique, that texts are not empty, and that each document fits into an item of the table.
    pub fn validate(documents: &[Self]) -> Result<(), Error> {
        if documents.len() > Self::MAX_COUNT {
            return Err(Error::invalid("documents", format!("must have at most {} entries", Self::MAX_COUNT)));
        }
        for (i, document) in documents.iter().enumerate() {
            let field = |name: &str| format!("documents[{i}].{name}");
            length(&field("name"), &document.name, 1, 100)?;
            if document.name.chars().any(char::is_control) {
                return Err(Error::invalid(field("name"), "must not contain control characters"));
            }
            if documents[..i].iter().any(|other| other.name == document.name) {
                return Err(Error::invalid(field("name"), "is already used by an earlier document"));
            }
            if document.text.trim().is_empty() || document.text.len() > 300_000 {
                return Err(Error::invalid(field("text"), "must have 1 to 300,000 bytes"));
            }
        }
        Ok(())
    }
}

/// The nesting depth of a JSON value. DynamoDB allows at most 32 levels.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn length(field: &str, text: &str, min: usize, max: usize) -> Result<(), Error> {
    if text.chars().count() > max {
        return Err(Error::invalid(field, format!("must have at most {max} characters")));
    }
    if text.trim().chars().count() < min {
        return Err(Error::invalid(field, "must not be empty"));
    }
    Ok(())
}
