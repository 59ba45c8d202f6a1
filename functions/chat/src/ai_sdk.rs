//! `POST /chat` and `GET /chat/{thread_id}/stream`: the protocol of the Vercel AI SDK. Its `DefaultChatTransport` works
//! unchanged (`ai` 5 to 7; its UI message stream, version 1).

mod request;
mod stream;

#[cfg(feature = "schema")]
pub(crate) use request::UiRequest;
pub(crate) use request::parse;
pub(crate) use stream::AiSdkStream;
