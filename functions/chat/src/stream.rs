//! A turn as server-sent events, for a caller who accepts `text/event-stream`.
//!
//! The turn is a task of its own and the stream a tap on it: a listener who leaves ends nothing, and the stream ends only
//! when the turn has, its save and its broadcasts included, for a Lambda freezes when its response ends.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body::{Body as HttpBody, Frame, SizeHint};
use lambda_http::{
    Response,
    http::{StatusCode, header},
};
use shared::{Error, http, sockets::Event};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
    time::timeout,
};

use crate::ai_sdk::AiSdkStream;

/// A comment goes out when nothing was said for so long: API Gateway cuts a stream that is silent for five minutes, and
/// proxies sooner.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// What is answered: all at once, or as it comes.
pub enum Body {
    Whole(lambda_http::Body),
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

/// Where a turn's events go besides the sockets.
#[derive(Clone, Default)]
pub(crate) struct EventSink(Option<mpsc::UnboundedSender<Event>>);

impl EventSink {
    /// A tap, and what comes out of it until its last clone is gone.
    pub(crate) fn open() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sink, events) = mpsc::unbounded_channel();
        (Self(Some(sink)), events)
    }

    /// A listener who has left hears nothing, and that is all.
    pub(crate) fn send(&self, event: Event) {
        if let Some(sink) = &self.0 {
            let _ = sink.send(event);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|sink| !sink.is_closed())
    }
}

/// In which words a stream tells of a turn.
pub(crate) enum StreamFormat {
    /// The events of the sockets.
    Events,
    /// The Vercel AI SDK's.
    AiSdk(AiSdkStream),
}

/// The stream of a turn's events. A turn that is refused before it says anything is refused as any other request; one that
/// fails later ends with an `error`.
pub(crate) async fn stream(
    mut events: mpsc::UnboundedReceiver<Event>,
    turn: JoinHandle<Result<(), Error>>,
    mut words: StreamFormat,
) -> Result<Response<Body>, Error> {
    let Some(first) = events.recv().await else {
        turn.await.map_err(Error::internal)??;
        return Err(Error::internal("a turn said nothing"));
    };
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "text/event-stream")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if let StreamFormat::AiSdk(_) = words {
        response = response.header("x-vercel-ai-ui-message-stream", "v1");
    }
    let first = Bytes::from(words.write(&first));
    let rest = stream::unfold(Some((events, turn, words)), |going_on| async {
        let (mut events, mut turn, mut words) = going_on?;
        match timeout(KEEP_ALIVE_INTERVAL, events.recv()).await {
            Ok(Some(event)) => Some((Bytes::from(words.write(&event)), Some((events, turn, words)))),
            Ok(None) => Some((Bytes::from(words.write(&failure((&mut turn).await)?)), None)),
            Err(_) => Some((Bytes::from_static(b":\n\n"), Some((events, turn, words)))),
        }
    });
    response.body(Body::Stream(Box::pin(stream::iter([first]).chain(rest)))).map_err(Error::internal)
}

/// What a turn that failed is told as.
fn failure(turn: Result<Result<(), Error>, JoinError>) -> Option<Event> {
    let error = turn.unwrap_or_else(|died| Err(Error::internal(died))).err()?;
    if let Error::Internal(cause) = &error {
        tracing::error!(cause, "a turn failed in mid-stream");
    }
    Some(Event::Error { thread_id: None, code: http::kind(&error).1, detail: error.to_string() })
}

impl StreamFormat {
    fn write(&mut self, event: &Event) -> String {
        match self {
            Self::Events => written(event),
            Self::AiSdk(ui) => ui.write(event),
        }
    }
}

/// One event: its type, its place in the log where it has one, and itself in JSON, which has no line break.
fn written(event: &Event) -> String {
    let json = event.frame().unwrap_or_else(|_| "{}".into());
    let id = event.seq().map_or_else(String::new, |seq| format!("id: {seq}\n"));
    format!("event: {}\n{id}data: {json}\n\n", event.kind())
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = lambda_http::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Stream(stream) => stream.as_mut().poll_next(context).map(|next| Some(Ok(Frame::data(next?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
