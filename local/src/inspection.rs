//! The inspection of an OpenAI server before a start: its models, its memory, and what is wrong with it.

use std::{fmt, time::Duration};

use futures::future::join;
use reqwest::Url;
use shared::{
    domain::chatbot::Memory,
    openai::{Failure, Model, OpenAi, RetryPolicy, Settings},
};
use tokio::time::timeout;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use crate::Error;

/// The base URL of OpenAI's own server.
pub(crate) const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";

/// The timeout of one request. A start must not seem to hang because of a server that does.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The timeout of all requests that find out one thing.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// The facts about an OpenAI server, and the problems with it.
#[derive(Debug)]
pub struct Inspection {
    /// The address at which the server has its API: the one that was asked, or that with the missing version.
    pub base_url: Url,
    /// The models that the server lists; none if it could not be asked.
    pub models: Vec<Model>,
    pub memory: MemoryChoice,
    pub findings: Vec<Finding>,
}

/// The memory that is used, and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryChoice {
    pub memory: Memory,
    pub reason: MemoryReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryReason {
    /// `OPENAI_MEMORY` is set.
    Setting,
    /// The server has the Conversations API, or has not.
    Found,
    /// The server could not be asked. Without conversations every server works.
    Assumed,
}

/// A problem with an OpenAI server, and what to do about it. URLs are base URLs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error("no usable answer from {0}: check that the server runs and that OPENAI_BASE_URL is its address")]
    NoAnswer(String),
    #[error("{0} requires an API key (status 401): set OPENAI_API_KEY")]
    KeyMissing(String),
    #[error("{0} rejects the API key (status 401): set OPENAI_API_KEY to a valid one")]
    KeyRejected(String),
    #[error("{0} does not let this API key list models (status 403): permit it, or set OPENAI_MODEL")]
    ListForbidden(String),
    #[error("{url} rejects requests: {failure}")]
    Rejected { url: String, failure: Failure },
    #[error("{0}/models is no list of models: correct OPENAI_BASE_URL, or set OPENAI_MODEL if the address is right")]
    NoList(String),
    #[error("{0} lists no models: load one there, or set OPENAI_MODEL")]
    NoModels(String),
    #[error("OPENAI_BASE_URL lacks the version: {0} is used; set it to that")]
    VersionAdded(String),
    #[error("{0} has no /conversations, so no chatbot can answer: unset OPENAI_MEMORY, or set it to local")]
    NoConversations(String),
    #[error("{0} did not say whether it has /conversations: set OPENAI_MEMORY to conversation or local")]
    ConversationsUnknown(String),
}

impl Inspection {
    /// Inspects the server at `base_url`, within a few seconds. `memory` is the one to use, if that is decided already.
    pub async fn of(base_url: Url, api_key: &str, memory: Option<Memory>) -> Result<Self, Error> {
        // Some of the requests are expected to be refused, and the findings say so better than warnings would.
        let inspecting = Self::inspect(base_url, api_key, memory).with_subscriber(NoSubscriber::default());
        inspecting.await.map_err(Error::http)
    }

    async fn inspect(base_url: Url, api_key: &str, memory: Option<Memory>) -> reqwest::Result<Self> {
        let server = Server { http: retry_policy().http()?, api_key: api_key.to_owned() };
        let (found_url, models) = server.models(&base_url).await;
        let url = url_text(&found_url);
        let mut findings = Vec::new();
        if found_url != base_url {
            findings.push(Finding::VersionAdded(url.clone()));
        }
        findings.extend(Finding::of_models(&models, &url, api_key));
        let answers = !matches!(&models, Err(Failure::Unavailable { .. } | Failure::Refused { status: 401, .. }));
        let has_conversations = match memory {
            Some(Memory::Local) => None,
            _ if answers => server.has_conversations(&found_url).await,
            _ => None,
        };
        if answers && memory != Some(Memory::Local) {
            findings.extend(Finding::of_conversations(has_conversations, memory, &url));
        }
        let memory = MemoryChoice::new(memory, has_conversations, &url);
        Ok(Self { base_url: found_url, models: models.unwrap_or_default(), memory, findings })
    }
}

/// Settings of the inspection: one attempt each, because a start waits for it.
fn retry_policy() -> RetryPolicy {
    RetryPolicy {
        attempts: 1,
        locked_attempts: 1,
        connect: REQUEST_TIMEOUT,
        first_byte: REQUEST_TIMEOUT,
        small_first_byte: REQUEST_TIMEOUT,
        idle: REQUEST_TIMEOUT,
        ..RetryPolicy::default()
    }
}

struct Server {
    http: reqwest::Client,
    api_key: String,
}

impl Server {
    fn client(&self, base_url: &Url) -> OpenAi {
        let (base_url, api_key) = (base_url.clone(), self.api_key.clone().into());
        OpenAi::new(self.http.clone(), Settings { base_url, api_key, retry_policy: retry_policy() })
    }

    /// The server's models, and the base URL under which they were found: `base_url`, or the same with `/v1`.
    async fn models(&self, base_url: &Url) -> (Url, Result<Vec<Model>, Failure>) {
        let list = async |url: &Url| {
            let listed = timeout(CHECK_TIMEOUT, self.client(url).models()).await;
            listed.unwrap_or(Err(Failure::Unavailable { maybe_ran: true }))
        };
        let Some(versioned) = with_version(base_url) else {
            return (base_url.clone(), list(base_url).await);
        };
        match join(list(base_url), list(&versioned)).await {
            (Err(_), Ok(models)) => (versioned, Ok(models)),
            (listed, _) => (base_url.clone(), listed),
        }
    }

    /// `None` if the server did not say.
    async fn has_conversations(&self, base_url: &Url) -> Option<bool> {
        timeout(CHECK_TIMEOUT, self.client(base_url).has_conversations()).await.ok()?.ok()
    }
}

/// The URL with `/v1` at the end of its path; `None` if it is there already.
fn with_version(base_url: &Url) -> Option<Url> {
    let path = base_url.path().trim_end_matches('/');
    let mut versioned = base_url.clone();
    versioned.set_path(&format!("{path}/v1"));
    (!path.ends_with("/v1")).then_some(versioned)
}

/// A base URL as people write it.
pub(crate) fn url_text(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

impl Finding {
    fn of_models(models: &Result<Vec<Model>, Failure>, url: &str, api_key: &str) -> Option<Self> {
        let url = url.to_owned();
        Some(match models {
            Ok(models) if models.is_empty() => Self::NoModels(url),
            Ok(_) => return None,
            Err(Failure::Unavailable { .. }) => Self::NoAnswer(url),
            Err(Failure::Refused { status: 401, .. }) if api_key.is_empty() => Self::KeyMissing(url),
            Err(Failure::Refused { status: 401, .. }) => Self::KeyRejected(url),
            Err(Failure::Refused { status: 403, .. }) => Self::ListForbidden(url),
            Err(Failure::Refused { .. } | Failure::Interrupted { .. }) => Self::NoList(url),
            Err(failure) => Self::Rejected { url, failure: failure.clone() },
        })
    }

    fn of_conversations(has_conversations: Option<bool>, memory: Option<Memory>, url: &str) -> Option<Self> {
        match (has_conversations, memory) {
            (Some(false), Some(Memory::Conversation)) => Some(Self::NoConversations(url.to_owned())),
            (None, None) => Some(Self::ConversationsUnknown(url.to_owned())),
            _ => None,
        }
    }
}

impl MemoryChoice {
    fn new(setting: Option<Memory>, has_conversations: Option<bool>, url: &str) -> Self {
        let (memory, reason) = match (setting, has_conversations) {
            (Some(memory), _) => (memory, MemoryReason::Setting),
            (None, Some(true)) => (Memory::Conversation, MemoryReason::Found),
            (None, Some(false)) => (Memory::Local, MemoryReason::Found),
            (None, None) if url == OPENAI_BASE_URL => (Memory::Conversation, MemoryReason::Assumed),
            (None, None) => (Memory::Local, MemoryReason::Assumed),
        };
        Self { memory, reason }
    }

    /// The memory with the stand-in, which has the Conversations API.
    pub(crate) fn with_standin(setting: Option<Memory>) -> Self {
        Self::new(setting, Some(true), "")
    }

    /// The memory's value in `OPENAI_MEMORY`.
    pub(crate) fn word(memory: Memory) -> &'static str {
        match memory {
            Memory::Conversation => "conversation",
            Memory::Local => "local",
        }
    }
}

impl fmt::Display for MemoryChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::word(self.memory))?;
        f.write_str(match (self.reason, self.memory) {
            (MemoryReason::Setting, _) => ", as OPENAI_MEMORY says",
            (MemoryReason::Found, Memory::Conversation) => ": the server has /conversations",
            (MemoryReason::Found, Memory::Local) => {
                ": the server has no /conversations, so each request carries the recent messages"
            }
            (MemoryReason::Assumed, _) => ": assumed, because the server could not be asked",
        })
    }
}
