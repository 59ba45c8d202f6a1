//! `POST /agui`: the AG-UI protocol, version 1.0, as `CopilotKit` and other front ends speak it.

mod request;
mod stream;

pub(crate) use request::parse;
pub(crate) use stream::AgUiStream;
