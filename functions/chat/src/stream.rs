//! Server-sent events: a turn as a stream, for a caller who accepts `text/event-stream`.
//!
//! The turn is a task of its own that sends its events to an [`EventSink`](crate::event_sink::EventSink): a caller who
//! disconnects ends nothing. The stream ends only when the turn has, its save and broadcasts included, because Lambda
//! freezes a function when its response ends.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, future, stream};
use lambda_http::{
    Response,
    http::{StatusCode, header},
};
use shared::{
    Error,
    http::{self, StreamingBody},
    sockets::Event,
};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
    time::timeout,
};

use crate::{ag_ui::AgUiStream, ai_sdk::AiSdkStream, server_sent};

/// The longest silence before a comment is sent: API Gateway closes a stream that is silent for five minutes, and
/// proxies do so sooner.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// A comment: no event, but a sign that the stream is open.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

type Events = mpsc::UnboundedReceiver<Event>;
type Turn = JoinHandle<Result<(), Error>>;

/// The format of a stream's events.
pub(crate) enum StreamFormat {
    /// The events that sockets carry.
    Events,
    /// The Vercel AI SDK's UI message stream.
    AiSdk(Box<AiSdkStream>),
    /// The events of AG-UI.
    AgUi(Box<AgUiStream>),
}

/// The response that streams a turn's events. A turn that fails before its first event is an error as on any other
/// route; one that fails later ends with an `error` event.
pub(crate) async fn stream(
    mut events: Events,
    turn: Turn,
    mut format: StreamFormat,
) -> Result<Response<StreamingBody>, Error> {
    let Some(first) = events.recv().await else {
        turn.await.map_err(Error::internal)??;
        return Err(Error::internal("a turn ended without an event"));
    };
    let first = format.write(&first);
    begin(if first.is_empty() { COMMENT } else { first.into() }, events, turn, format)
}

/// The response that streams events which may come late, or not at all: it begins at once.
pub(crate) fn open(events: Events, turn: Turn, format: StreamFormat) -> Result<Response<StreamingBody>, Error> {
    begin(COMMENT, events, turn, format)
}

fn begin(first: Bytes, events: Events, turn: Turn, format: StreamFormat) -> Result<Response<StreamingBody>, Error> {
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "text/event-stream")
        // A proxy that compresses waits for more, and nginx collects what a server sends unless it is told not to.
        .header(header::CACHE_CONTROL, "no-store, no-transform")
        .header("x-accel-buffering", "no");
    for (name, value) in http::COMMON_HEADERS.into_iter().filter(|(name, _)| *name != "cache-control") {
        response = response.header(name, value);
    }
    if let StreamFormat::AiSdk(_) = format {
        response = response.header("x-vercel-ai-ui-message-stream", "v1");
    }
    let rest = stream::unfold(Some((events, turn, format)), |state| async {
        let (mut events, mut turn, mut format) = state?;
        match timeout(KEEP_ALIVE_INTERVAL, events.recv()).await {
            Ok(Some(event)) => Some((Bytes::from(format.write(&event)), Some((events, turn, format)))),
            Ok(None) => Some((Bytes::from(format.write(&failure((&mut turn).await)?)), None)),
            Err(_) => Some((COMMENT, Some((events, turn, format)))),
        }
    });
    // A format may have nothing to say about an event.
    let rest = rest.filter(|bytes| future::ready(!bytes.is_empty()));
    response.body(StreamingBody::Stream(Box::pin(stream::iter([first]).chain(rest)))).map_err(Error::internal)
}

/// The `error` event of a turn that failed.
fn failure(turn: Result<Result<(), Error>, JoinError>) -> Option<Event> {
    let error = turn.unwrap_or_else(|died| Err(Error::internal(died))).err()?;
    if let Error::Internal(cause) = &error {
        tracing::error!(cause, "a turn failed after its stream began");
    }
    Some(Event::Error { thread_id: None, code: http::kind(&error).1, detail: error.to_string() })
}

impl StreamFormat {
    fn write(&mut self, event: &Event) -> String {
        match self {
            Self::Events => server_sent::event(event),
            Self::AiSdk(stream) => stream.write(event),
            Self::AgUi(stream) => stream.write(event),
        }
    }
}
