//! The stand-in for OpenAI: the same API as its `/v1`, in one process, with all data in memory.
//!
//! It answers at once, the same each time, and says that it is not a model. It keeps conversations, responses, files
//! and vector stores as OpenAI does, refuses what OpenAI refuses, and can be told to fail ([`Standin::fault`],
//! [`Standin::hold`]). Everything that a test can do through the handle, another process can do under `/standin`.
//!
//! **Architecture Invariant.** The routes know nothing of Switchboard: any client of OpenAI's API may use them. Only
//! `openai_wire.rs` imports `shared`, to serve Switchboard's own OpenAI client without a socket.

mod account;
mod admission;
mod control;
mod conversation_items;
mod conversations;
mod error;
mod error_response;
mod event;
mod fault;
mod files;
mod handle;
mod hold;
mod item;
mod metadata;
mod models;
mod openai_wire;
mod page;
mod play;
mod prompt_cache;
mod reply;
mod request;
mod request_log;
mod response;
mod responses;
mod router;
mod script;
mod stamp;
mod step;
mod tool;
mod turn;
mod vector_stores;

pub use self::{
    account::Counts,
    error_response::ErrorResponse,
    fault::{Failure, Fault},
    handle::{Options, Standin},
    hold::{Hold, Stage},
    openai_wire::InProcess,
    prompt_cache::PromptTokens,
    request_log::RecordedRequest,
    router::serve,
};
