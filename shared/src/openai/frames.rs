//! The frames of a response's body, a stream of server-sent events or one JSON object, and their limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use eventsource_stream::{EventStreamError, Eventsource};
use futures::{
    Stream, StreamExt, TryStreamExt, future,
    stream::{self, BoxStream},
};
use reqwest::Response;
use tracing::warn;

use super::{
    failure::Failure,
    frame::{Frame, whole},
    limits::{MAX_EVENT_BYTES, MAX_STREAM_BYTES},
    transport::{BodyError, chunks, collect},
};

pub(super) type Frames = BoxStream<'static, Result<Frame, Failure>>;

/// The frames of an HTTP response, whatever it says its content type is: a body that begins with `{` is one JSON
/// object, anything else a stream of events. A body that ends ends the frames; a lost connection or silence is a
/// failure.
pub(super) fn read(response: Response, idle: Duration) -> Frames {
    let mut body = chunks(response, idle).boxed();
    let frames = async move {
        let head = head(&mut body).await?;
        if !head.starts_with(b"{") {
            return Ok(events(stream::once(future::ready(Ok(head))).chain(body)));
        }
        let body = collect(body, head.to_vec(), MAX_EVENT_BYTES).await.map_err(|error| cut_short(&error))?;
        whole(&body).map(|frames| stream::iter(frames.into_iter().map(Ok)).boxed())
    };
    stream::once(frames).try_flatten().fuse().boxed()
}

/// Reads up to the first character, and leaves out what may stand before it: a byte order mark, at which the parser of
/// events would panic, and white space.
async fn head(body: &mut (impl Stream<Item = Result<Bytes, BodyError>> + Unpin)) -> Result<Bytes, Failure> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mut head = BytesMut::new();
    while let Some(chunk) = body.try_next().await.map_err(|error| cut_short(&error))? {
        head.extend_from_slice(&chunk);
        let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head);
        let space_bytes = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if text.len() > space_bytes && !BYTE_ORDER_MARK.starts_with(&head) {
            let before = head.len() - text.len() + space_bytes;
            return Ok(head.freeze().slice(before..));
        }
        if head.len() > MAX_EVENT_BYTES {
            return Err(cut_short(&BodyError::TooLarge));
        }
    }
    Ok(head.freeze())
}

/// The frames of a stream of events. An event counts even if the empty line after it is missing at the end.
fn events(bytes: impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static) -> Frames {
    // The comment at the start stands where a second byte order mark could.
    let mut size = StreamSize::default();
    let bytes = bytes.and_then(move |chunk| future::ready(size.add(&chunk).map(|()| chunk)));
    let bytes = stream::once(future::ready(Ok(":\n".into())))
        .chain(bytes.map_ok(split_events).try_flatten())
        .chain(stream::once(future::ready(Ok("\n\n".into()))));
    // Nothing is read after an error, which the parser would do.
    let bytes = bytes.scan(false, |has_failed, chunk: Result<Bytes, BodyError>| {
        let goes_on = !*has_failed;
        *has_failed |= chunk.is_err();
        future::ready(goes_on.then_some(chunk))
    });
    let events = bytes.eventsource().map_err(|error| interrupted(&error));
    events.try_filter_map(|event| future::ready(Ok(Frame::parse(&event.event, event.data)))).boxed()
}

/// The size of a stream so far, and of the event that has not ended yet.
#[derive(Default)]
struct StreamSize {
    stream_bytes: usize,
    event_bytes: usize,
    line_bytes: usize,
    last: u8,
}

impl StreamSize {
    fn add(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        self.stream_bytes += chunk.len();
        for &byte in chunk {
            self.event_bytes += 1;
            match byte {
                b'\n' if self.last == b'\r' => {}
                // An empty line ends an event.
                b'\n' | b'\r' if self.line_bytes == 0 => self.event_bytes = 0,
                b'\n' | b'\r' => self.line_bytes = 0,
                _ => self.line_bytes += 1,
            }
            self.last = byte;
            if self.event_bytes > MAX_EVENT_BYTES {
                return Err(BodyError::TooLarge);
            }
        }
        if self.stream_bytes > MAX_STREAM_BYTES { Err(BodyError::TooLarge) } else { Ok(()) }
    }
}

/// Splits a chunk after each event. With every event it finds, the parser copies all that it has not parsed yet.
fn split_events(chunk: Bytes) -> impl Stream<Item = Result<Bytes, BodyError>> {
    let mut rest = chunk;
    stream::iter(std::iter::from_fn(move || {
        let end = rest.windows(2).position(|two| two == b"\n\n").map_or(rest.len(), |at| at + 2);
        (end > 0).then(|| Ok(rest.split_to(end)))
    }))
}

/// Logs the cause if the body ended early. Other errors are not logged, since they quote the stream.
fn interrupted(error: &EventStreamError<BodyError>) -> Failure {
    match error {
        EventStreamError::Transport(cause) => cut_short(cause),
        _ => Failure::Interrupted { code: None },
    }
}

fn cut_short(cause: &BodyError) -> Failure {
    warn!(?cause, "an OpenAI response ended early");
    Failure::Interrupted { code: None }
}
