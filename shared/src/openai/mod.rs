//! OpenAI's Responses, Conversations, models, files and vector stores, as far as a chat needs them.
//!
//! Every failure is one of [`Failure`]'s, every request follows one [`RetryPolicy`]. The wire is read
//! leniently (unknown events, items and fields are passed over), because servers other than
//! OpenAI's speak it too. What users write is never logged, nor is the key.

mod answer;
mod conversation;
mod failure;
mod frame;
mod knowledge;
mod model;
mod response;
mod retry_policy;
mod transport;

use std::sync::Arc;

use reqwest::{Client, Url};

pub use answer::{Answer, Event, Incomplete, Outcome, Usage};
pub use failure::Failure;
pub use model::ModelCheck;
pub use response::{Ask, Call, Input, Role};
pub use retry_policy::RetryPolicy;
pub use transport::{Broken, Wire};

/// The client. Clones share its connections and settings.
#[derive(Clone)]
pub struct OpenAi {
    /// Builds requests, and sends them only where it is the wire too.
    requests: Client,
    wire: Arc<dyn Wire>,
    settings: Arc<Settings>,
}

/// Which server, as whom, and how long to wait for it.
pub struct Settings {
    /// Up to and with the version (`https://api.openai.com/v1`); a query is kept, for servers that
    /// want their version there.
    pub base_url: Url,
    /// Sent as a bearer token; left out when empty, as servers on a laptop ask for none.
    pub api_key: String,
    pub retry_policy: RetryPolicy,
}

impl OpenAi {
    /// `http` should come from [`RetryPolicy::http`]; of any other client, the connect time-out is its
    /// own business.
    pub fn new(http: Client, settings: Settings) -> Self {
        Self { wire: Arc::new(http.clone()), requests: http, settings: Arc::new(settings) }
    }

    /// The same client over another wire. Waiting for a connection is that wire's own business.
    #[must_use]
    pub fn over(self, wire: Arc<dyn Wire>) -> Self {
        Self { wire, ..self }
    }
}
