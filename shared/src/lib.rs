//! What every Switchboard function shares: the domain, the table, OpenAI, the sockets.
//!
//! **Architecture invariant:** nothing here knows an HTTP route, and nothing here reads the environment but
//! [`App::from_env`].

mod app;
mod change;
pub mod domain;
mod error;
pub mod http;
mod invocation;
mod knowledge;
mod notice;
pub mod openai;
pub mod sockets;
pub mod store;
pub mod verify;
pub mod webhook;

pub use app::{App, Clock, Ids, Settings};
pub use change::{DECISIONS, LINE_LOST};
pub use error::{Error, Rival};
pub use invocation::Invoker;
