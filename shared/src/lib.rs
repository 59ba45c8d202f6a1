//! What every Switchboard function shares: the domain, the table, OpenAI, the sockets.
//!
//! **Architecture invariant:** nothing here knows an HTTP route, and nothing here reads the environment but
//! [`App::from_env`].

mod app;
mod backoff;
mod change;
mod cleanup;
mod conflict;
mod delivery;
pub mod domain;
mod error;
mod fingerprint;
pub mod http;
mod invocation;
mod invoker;
mod knowledge;
pub mod openai;
mod outbox;
pub mod sockets;
pub mod store;
pub mod verify;
pub mod webhook;

pub use app::{App, Clock, Ids, Settings};
pub use change::LINE_LOST;
pub use conflict::retry_on_conflict;
pub use error::{ConflictWith, Error};
pub use fingerprint::fingerprint;
pub use invoker::Invoker;
