//! What every Switchboard function shares: the domain, the table, OpenAI, the sockets.
//!
//! **Architecture invariant:** nothing here knows an HTTP route, and nothing here reads the environment but
//! [`App::from_env`].

mod app;
pub mod domain;
mod error;
pub mod http;
pub mod openai;
pub mod sockets;
pub mod store;

pub use app::{App, Clock, Ids, Settings};
pub use error::Error;
