//! Cases of the corpus, as their files hold them.

use std::{fs, path::PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    answer::{Answer, Body},
    refusal::Refusal,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/upstream");

/// The customer's question where a case names none.
pub const QUESTION: &str = "When does it ship?";

/// The answers about models; the server has all models if absent.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// The answer to `GET /models/{id}`.
    pub(super) one: Option<Body>,
    /// The answer to `GET /models`.
    pub(super) list: Option<Body>,
}

/// One case: a server's answers, and their outcome.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(skip)]
    pub name: String,
    /// The quirk, in one line.
    pub about: String,
    /// The only memory that the case concerns.
    only: Option<Only>,
    /// Fields of the chatbot.
    #[serde(default)]
    pub chatbot: Map<String, Value>,
    /// The conditions under which the server refuses a request, whatever its next answer is.
    #[serde(default)]
    pub refuses: Vec<Refusal>,
    /// The answers about models.
    #[serde(default)]
    pub models: Models,
    /// The responses of the chatbot's webhook.
    #[serde(default)]
    pub webhook: Vec<Value>,
    #[serde(default = "one_question")]
    pub story: Vec<Step>,
    /// The answers to the requests for a response, in order. After the last one the server gives a plain one.
    #[serde(default)]
    pub answers: Vec<Answer>,
    pub becomes: Becomes,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    memory: String,
    #[serde(rename = "because")]
    _because: String,
}

/// A step of a case's story.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// A customer's message, which gets the case's reply if it is the last one, else any.
    Customer(String),
    /// Quick messages: all but the first arrive while the first is answered.
    Burst(Vec<String>),
    /// An agent's message.
    Agent(String),
    Claims,
    ReleasesToBot,
    Escalates,
}

/// The outcome of a case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Becomes {
    /// The chatbot's field that is refused when it is created. Nothing else happens then.
    #[serde(default)]
    pub refused: Option<String>,
    /// The text of the reply to the last message of the customer; `None` if a person has to answer.
    #[serde(default)]
    pub reply: Option<String>,
    /// The thread's status; `bot` with a reply, else `queued`.
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    /// The number of requests for a response; 1 if absent.
    #[serde(default)]
    pub asked: Option<usize>,
    /// The log as lines; the question and the reply if absent.
    #[serde(default)]
    pub log: Option<Vec<String>>,
    /// The commentary that listeners are told, in order; none if absent. `null`: not compared.
    #[serde(default = "none_expected")]
    pub progress: Option<Vec<String>>,
    /// The number of times that words which were shown are withdrawn for another try.
    #[serde(default)]
    pub discarded: usize,
    #[serde(default)]
    pub cut: Option<String>,
    #[serde(default)]
    pub sources: Vec<String>,
    /// The usage of the last bot message; `null`: it has none. Not compared if absent.
    #[serde(default, deserialize_with = "given")]
    pub usage: Option<Value>,
    /// Each warning of the chatbot: its code, and words that its detail holds.
    #[serde(default)]
    pub warnings: Vec<(String, String)>,
    /// The fields that each request for a response must have; `null`: it must lack the field.
    #[serde(default)]
    pub requests: Vec<Map<String, Value>>,
    /// Words that the last request holds somewhere.
    #[serde(default)]
    pub holds: Vec<String>,
    /// The input of the last request is smaller than that of the first.
    #[serde(default)]
    pub input_shrinks: bool,
    /// The calls that reach the webhook, as `name arguments`.
    #[serde(default)]
    pub called: Vec<String>,
    /// The output of each call that the model is told of, as `call_id: words that it holds`. `null`: not compared.
    #[serde(default = "none_expected")]
    pub told: Option<Vec<String>>,
    /// Lines of the log, as `LEVEL words`.
    #[serde(default)]
    pub logged: Vec<String>,
    /// The fields that the chatbot must have in the end.
    #[serde(default)]
    pub view: Map<String, Value>,
    #[serde(default)]
    pub next: Next,
}

/// The outcome of a plain turn that follows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Next {
    /// The number of requests for a response; 1 if absent.
    pub asked: Option<usize>,
    /// The last request's input, as lines.
    pub input: Option<Vec<String>>,
    /// The fields that the last request must have; `null`: it must lack the field.
    pub request: Map<String, Value>,
    /// Words that the last request must hold somewhere.
    pub holds: Vec<String>,
    /// Words that it must not hold.
    pub lacks: Vec<String>,
}

/// Tells a field that is `null` from one that is absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn none_expected() -> Option<Vec<String>> {
    Some(Vec::new())
}

fn one_question() -> Vec<Step> {
    vec![Step::Customer(QUESTION.to_owned())]
}

/// The names of all cases: those of their files, without `.json`.
pub fn case_names() -> Vec<String> {
    let files = fs::read_dir(FOLDER).expect("the corpus is a folder").map(|file| file.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

impl Case {
    /// Reads a case as it is to be played with this memory: the fields of `becomes` may differ by memory. Returns why
    /// it cannot be read.
    pub fn read(name: &str, memory: &str) -> Result<Self, String> {
        let path = PathBuf::from(FOLDER).join(format!("{name}.json"));
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let mut file: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let becomes = file["becomes"].as_object_mut().ok_or("`becomes` is missing")?;
        let by_memory = ["local", "conversation"].map(|name| (name, becomes.remove(name)));
        for (name, differing) in by_memory {
            if name == memory
                && let Some(Value::Object(differing)) = differing
            {
                becomes.extend(differing);
            }
        }
        let mut case: Self = serde_json::from_value(file).map_err(|error| error.to_string())?;
        name.clone_into(&mut case.name);
        Ok(case)
    }

    /// True if the case concerns this memory.
    pub fn concerns(&self, memory: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.memory == memory)
    }

    /// True if the server could give each answer whole instead of streaming it.
    pub fn can_be_whole(&self) -> bool {
        let streamed = |answer: &Answer| answer.is_stream();
        self.becomes.refused.is_none()
            && self.answers.iter().all(Answer::can_be_whole)
            && self.answers.iter().any(streamed)
    }
}
