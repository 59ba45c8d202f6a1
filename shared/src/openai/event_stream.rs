//! The frames of a stream of server-sent events.

use bytes::Bytes;
use eventsource_stream::{EventStreamError, Eventsource};
use futures::{Stream, StreamExt, TryStreamExt, future, stream};

use super::{
    failure::Failure,
    frame::{Frame, Frames, cut_short},
    limits::{MAX_EVENT_BYTES, MAX_STREAM_BYTES},
    transport::BodyError,
};

/// The frames of a stream of events. An event counts even if the empty line after it is missing at the end.
pub(super) fn events(bytes: impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static) -> Frames {
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
