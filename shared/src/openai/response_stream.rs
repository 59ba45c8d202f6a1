//! A response, parsed as it streams in.

use std::time::Duration;

use futures::{StreamExt, future, stream};
use reqwest::Response;
use tokio::time::timeout;
use tracing::warn;

use super::{
    client::OpenAi,
    failure::Failure,
    frames::{self, Frames},
    outcome::Event,
    partial_outcome::PartialOutcome,
    transport::request_id,
};

/// Wait for the end of a body after the response itself has ended. The two mostly arrive together.
const TRAILING_READ_TIMEOUT: Duration = Duration::from_millis(100);

/// A response in progress.
pub struct ResponseStream {
    frames: Frames,
    partial: PartialOutcome,
    last: Option<Result<Event, Failure>>,
    ended: bool,
    request_id: Option<String>,
}

impl ResponseStream {
    /// Reads an HTTP response. A server that does not stream sends the whole response as JSON, which is read as a
    /// stream with all of the text at once.
    pub(super) fn read(openai: &OpenAi, response: Response) -> Self {
        let request_id = request_id(response.headers());
        let frames = frames::read(response, openai.settings.retry_policy.idle);
        Self { frames, partial: PartialOutcome::default(), last: None, ended: false, request_id }
    }

    /// The next event. Returns `None` after the last one, which is [`Event::Completed`] or a failure.
    /// Cancel-safe: dropping the future (in a `select!`, say) loses no event.
    pub async fn next(&mut self) -> Option<Result<Event, Failure>> {
        loop {
            if let Some(event) = self.partial.next_event() {
                return Some(Ok(event));
            }
            if self.ended {
                break;
            }
            let outcome = match self.frames.next().await {
                Some(frame) => frame.and_then(|frame| self.partial.apply(frame)),
                None => self.partial.end_of_stream(false).map(Some),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(outcome)) => {
                    if outcome.is_aborted {
                        warn!(request_id = self.request_id, "an OpenAI response was too long; the rest is not read");
                        self.frames = stream::empty().boxed();
                    }
                    self.end(Ok(Event::Completed(outcome)));
                }
                Err(failure) => self.end(Err(failure)),
            }
        }
        // A body that is read to its end leaves its connection to the next request.
        if self.last.is_some() {
            let _ = timeout(TRAILING_READ_TIMEOUT, self.frames.by_ref().for_each(|_| future::ready(()))).await;
        }
        self.last.take()
    }

    fn end(&mut self, last: Result<Event, Failure>) {
        if let Err(failure) = &last {
            warn!(request_id = self.request_id, %failure, "an OpenAI response failed while streaming");
        }
        self.ended = true;
        self.last = Some(last);
    }
}
