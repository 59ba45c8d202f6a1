//! A client for OpenAI's Responses, Conversations, Models, Files and Vector Stores APIs, as far as a chat needs them.
//!
//! Every error is a [`Failure`], and every request follows one [`RetryPolicy`]. Responses are parsed leniently: unknown
//! events, items and fields are skipped, because servers other than OpenAI's speak this protocol too. User text and the
//! API key are never logged.

mod attempt;
mod base_url;
mod capabilities;
mod client;
mod conversation;
mod failure;
mod frame;
mod frames;
mod knowledge;
mod last_event;
mod limits;
mod model;
mod outcome;
mod output_item;
mod partial_outcome;
mod response;
mod response_stream;
mod retry_policy;
mod streamed_message;
mod text_filter;
mod transport;
mod wire;

pub use base_url::parse_base_url;
pub use client::{OpenAi, Settings};
pub use failure::Failure;
pub use model::{Model, ModelCheck};
pub use outcome::{Call, Event, Incomplete, Outcome};
pub use response::{ContextManagement, Input, Phase, Reasoning, ResponseRequest, Role, TextFormat, ToolChoice};
pub use response_stream::ResponseStream;
pub use retry_policy::RetryPolicy;
pub use wire::{TransportError, Wire};
