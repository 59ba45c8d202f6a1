//! The library of all Switchboard functions: the domain, the table, the OpenAI client, the sockets and the webhooks.
//!
//! **Architecture invariant:** no code in this crate knows an HTTP route, and only `app.rs` reads the
//! environment.

mod app;
mod audit;
mod audited_reads;
mod backoff;
pub mod budget;
mod change;
mod chatbot_cache;
mod cleanup;
mod conflict;
mod deadline;
mod delivery;
pub mod domain;
mod erasure;
mod error;
mod fingerprint;
pub mod http;
mod invocation;
mod invoker;
mod knowledge;
pub mod metrics;
mod model;
mod notice;
pub mod openai;
#[cfg(feature = "schema")]
pub mod openapi;
mod outbox;
mod pauses;
pub mod sockets;
pub mod store;
mod topic;
pub mod ui_message;
pub mod verify;
mod visitor_access;
pub mod webhook;
mod weight;

pub use app::{
    App, Clock, DEFAULT_HISTORY_TOKENS, DEFAULT_PERSON_WAIT, Ids, Settings, customers_may_delete, history_tokens,
    person_wait,
};
pub use audited_reads::AuditedReads;
pub use budget::{Budgets, CustomerUse, Shares, TurnBudget};
pub use change::LINE_LOST;
pub use chatbot_cache::ChatbotCache;
pub use conflict::retry_on_conflict;
pub use deadline::time_left;
pub use erasure::SETTLES_AFTER;
pub use error::{ConflictWith, Error};
pub use fingerprint::fingerprint;
pub use invoker::Invoker;
pub use pauses::Pauses;
pub use topic::QueuedTopic;
pub use weight::rows_that_fit;
