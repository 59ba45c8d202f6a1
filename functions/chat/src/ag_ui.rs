//! `POST /agui`: the AG-UI protocol, version 1.0, as `CopilotKit` and other front ends speak it.

mod request;
mod stream;

#[cfg(feature = "schema")]
pub(crate) use request::RunAgentInput;
pub(crate) use request::parse;
pub(crate) use stream::AgUiStream;
