//! The stand-in's replies: the same each time, and never pretending to be a model's.

use serde_json::{Map, Value, json};

use super::{
    item::{Item, Part, Role},
    tool::Tool,
};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Text(String),
    Refusal(String),
    Call { name: String, arguments: String },
}

/// The number of characters of a message that the reply quotes.
const MAX_QUOTED_CHARS: usize = 400;

/// Words that ask for a person, in lower case.
const WORDS_FOR_A_PERSON: [&str; 16] = [
    "human",
    "humans",
    "person",
    "people",
    "agent",
    "agents",
    "operator",
    "representative",
    "somebody",
    "persona",
    "personas",
    "humano",
    "humana",
    "agente",
    "operador",
    "alguien",
];

/// Arabic words that ask for a person, searched within words because articles and prepositions are attached to them.
const WORDS_FOR_A_PERSON_ARABIC: [&str; 6] = ["شخص", "إنسان", "انسان", "موظف", "وكيل", "بشري"];

/// The tool that hands the thread to a person.
const ESCALATE_TOOL: &str = "escalate_to_human";

/// The reply to `context`, whose items are oldest first. A tool's output is echoed. A message that asks for a person,
/// or reads `call <tool> {json}`, gets that call if the tool is in `tools`. Any other message of a user is echoed.
pub(super) fn reply(context: &[&Item], tools: &[Tool], knowledge: impl Fn(&str) -> Option<String>) -> Reply {
    let messages = context.iter().filter(|item| matches!(item, Item::Message { .. })).count();
    if let Some(Item::FunctionCallOutput { output, .. }) = context.last() {
        let output = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
        return Reply::Text(format!(
            "This is OpenAI's stand-in, not a model. The tool answered: \"{}\". {}",
            quoted(&output),
            earlier(messages)
        ));
    }
    let Some(message) = context.iter().rev().find_map(|item| user_text(item)) else {
        return Reply::Text(format!("This is OpenAI's stand-in, not a model. {}", earlier(messages)));
    };
    if let Some(call) = requested_call(&message, tools) {
        return call;
    }
    let found = knowledge(&message).map(|line| format!(" {line}")).unwrap_or_default();
    Reply::Text(format!(
        "This is OpenAI's stand-in, not a model. You said: \"{}\".{found} {}",
        quoted(&message),
        earlier(messages.saturating_sub(1))
    ))
}

fn earlier(messages: usize) -> String {
    format!("Earlier messages I can see: {messages}.")
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn user_text(item: &Item) -> Option<String> {
    match item {
        Item::Message { role: Role::User, content, .. } => {
            Some(without_notes(&content.iter().map(Part::text).collect::<Vec<_>>().join(" ")))
        }
        _ => None,
    }
}

/// The text without what stands between `⟦` and `⟧`: by these a client without a developer role marks its own notes.
fn without_notes(text: &str) -> String {
    let mut parts = text.split('⟦');
    let mut said = parts.next().unwrap_or_default().to_owned();
    said.extend(parts.map(|part| part.split_once('⟧').map_or(part, |(_, after)| after)));
    said.trim().to_owned()
}

fn requested_call(message: &str, tools: &[Tool]) -> Option<Reply> {
    let tool = |wanted: &str| {
        tools.iter().find_map(|tool| match tool {
            Tool::Function { name, parameters, .. } if name == wanted => Some(parameters.as_ref()),
            _ => None,
        })
    };
    if let Some(call) = message.trim().strip_prefix("call ") {
        let (name, arguments) = call.split_once(' ').unwrap_or((call, "{}"));
        tool(name)?;
        return Some(Reply::Call { name: name.to_owned(), arguments: arguments.trim().to_owned() });
    }
    let parameters = tool(ESCALATE_TOOL)?;
    asks_for_a_person(message)
        .then(|| Reply::Call { name: ESCALATE_TOOL.to_owned(), arguments: arguments(parameters, message).to_string() })
}

fn asks_for_a_person(message: &str) -> bool {
    let message = message.to_lowercase();
    let mut words = message.split(|c: char| !c.is_alphanumeric());
    words.any(|word| WORDS_FOR_A_PERSON.contains(&word))
        || WORDS_FOR_A_PERSON_ARABIC.iter().any(|word| message.contains(word))
}

/// Arguments that match the tool's `parameters`: each property gets its first allowed value, or the message itself.
fn arguments(parameters: Option<&Value>, message: &str) -> Value {
    let properties = parameters.and_then(|schema| schema["properties"].as_object());
    let value = |schema: &Value| match (&schema["enum"][0], schema["type"].as_str()) {
        (Value::Null, Some("string")) => json!(quoted(message)),
        (Value::Null, Some("integer" | "number")) => json!(0),
        (Value::Null, Some("boolean")) => json!(false),
        (Value::Null, Some("array")) => json!([]),
        (Value::Null, Some("object")) => json!({}),
        (first, _) => first.clone(),
    };
    let filled = properties.into_iter().flatten().map(|(name, schema)| (name.clone(), value(schema)));
    Value::Object(filled.collect::<Map<_, _>>())
}
