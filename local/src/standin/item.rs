//! Items of a conversation, and items in a request's body.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

use super::{error::ApiError, stamp::new_id};

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item {
    Message {
        id: String,
        status: Status,
        role: Role,
        content: Vec<Part>,
    },
    FunctionCall {
        id: String,
        status: Status,
        call_id: String,
        name: String,
        arguments: String,
    },
    FunctionCallOutput {
        id: String,
        status: Status,
        call_id: String,
        output: Value,
    },
    /// An item of a type unknown to clients; only [`super::fault::Failure::Noise`] creates it.
    #[serde(rename = "standin_novelty")]
    Novelty {
        id: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
    System,
    Developer,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part {
    InputText {
        text: String,
    },
    OutputText {
        text: String,
        #[serde(default)]
        annotations: Vec<Value>,
        #[serde(default)]
        logprobs: Vec<Value>,
    },
    Refusal {
        refusal: String,
    },
}

/// An item in a request's body. A message may omit `type`, and `content` may be a plain string.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemParam {
    r#type: Option<String>,
    id: Option<String>,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
    #[serde(rename = "phase")]
    _phase: Option<IgnoredAny>,
    role: Option<Role>,
    content: Option<Content>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

impl ItemParam {
    pub(super) fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Validates the item. `place` is its path in the body: `input[0]`, `items[3]`.
    pub(super) fn into_item(self, place: &str) -> Result<Item, ApiError> {
        let missing = |field: &str| {
            let param = format!("{place}.{field}");
            ApiError::invalid(format!("Missing required parameter: '{param}'."))
                .param(param)
                .code("missing_required_parameter")
        };
        let status = Status::Completed;
        match self.r#type.as_deref().unwrap_or("message") {
            "message" => {
                let role = self.role.ok_or_else(|| missing("role"))?;
                let content = self.content.ok_or_else(|| missing("content"))?;
                Ok(Item::Message { id: id(self.id, "msg", place)?, status, role, content: content.parts(role, place)? })
            }
            "function_call" => Ok(Item::FunctionCall {
                id: id(self.id, "fc", place)?,
                status,
                call_id: self.call_id.ok_or_else(|| missing("call_id"))?,
                name: self.name.ok_or_else(|| missing("name"))?,
                arguments: self.arguments.ok_or_else(|| missing("arguments"))?,
            }),
            "function_call_output" => Ok(Item::FunctionCallOutput {
                id: id(self.id, "fc", place)?,
                status,
                call_id: self.call_id.ok_or_else(|| missing("call_id"))?,
                output: self.output.ok_or_else(|| missing("output"))?,
            }),
            other => Err(ApiError::invalid(format!(
                "Invalid value: '{other}'. The stand-in supports 'message', 'function_call' and 'function_call_output'."
            ))
            .param(format!("{place}.type"))
            .code("invalid_value")),
        }
    }
}

fn id(given: Option<String>, prefix: &str, place: &str) -> Result<String, ApiError> {
    match given {
        None => Ok(new_id(prefix)),
        Some(id) if id.starts_with(prefix) => Ok(id),
        Some(id) => {
            Err(ApiError::invalid(format!("Invalid '{place}.id': '{id}'. Expected an ID that begins with '{prefix}'."))
                .param(format!("{place}.id"))
                .code("invalid_value"))
        }
    }
}

impl Content {
    /// The content parts: outputs for the assistant, inputs for every other role.
    fn parts(self, role: Role, place: &str) -> Result<Vec<Part>, ApiError> {
        let parts = match self {
            Content::Text(text) if role == Role::Assistant => vec![Part::output(text)],
            Content::Text(text) => vec![Part::InputText { text }],
            Content::Parts(parts) => parts,
        };
        let fits = |part: &Part| matches!(part, Part::InputText { .. }) == (role != Role::Assistant);
        match parts.iter().position(|part| !fits(part)) {
            None => Ok(parts),
            Some(n) => Err(ApiError::invalid("Invalid value: this role does not support content of this type.")
                .param(format!("{place}.content[{n}].type"))
                .code("invalid_value")),
        }
    }
}

impl Part {
    pub(super) fn output(text: impl Into<String>) -> Self {
        Part::OutputText { text: text.into(), annotations: Vec::new(), logprobs: Vec::new() }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Part::InputText { text } | Part::OutputText { text, .. } => text,
            Part::Refusal { refusal } => refusal,
        }
    }
}

impl Item {
    pub(super) fn id(&self) -> &str {
        match self {
            Item::Message { id, .. }
            | Item::FunctionCall { id, .. }
            | Item::FunctionCallOutput { id, .. }
            | Item::Novelty { id } => id,
        }
    }

    /// Hashes the item as a model reads it: without its id.
    pub(super) fn hash_prompt(&self, hasher: &mut impl Hasher) {
        match self {
            Item::Message { role, content, .. } => {
                role.hash(hasher);
                for part in content {
                    part.text().hash(hasher);
                }
            }
            Item::FunctionCall { name, arguments, .. } => (name, arguments).hash(hasher),
            Item::FunctionCallOutput { output, .. } => output.to_string().hash(hasher),
            Item::Novelty { .. } => {}
        }
    }

    /// An estimate of the item's tokens, at four bytes each.
    pub(super) fn tokens(&self) -> usize {
        let bytes = match self {
            Item::Message { content, .. } => content.iter().map(|part| part.text().len()).sum(),
            Item::FunctionCall { arguments, .. } => arguments.len(),
            Item::FunctionCallOutput { output, .. } => output.as_str().map_or(64, str::len),
            Item::Novelty { .. } => 0,
        };
        bytes.div_ceil(4)
    }
}
