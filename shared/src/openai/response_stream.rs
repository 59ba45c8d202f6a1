//! A response, parsed as it streams in.

use std::time::Duration;

use futures::{StreamExt, future};
use reqwest::{Response, header::CONTENT_TYPE};
use tokio::time::timeout;
use tracing::warn;

use super::{
    client::OpenAi,
    failure::{ErrorBody, Failure},
    frame::{self, ContentPart, Frame, Frames, IncompleteDetails, OutputItem, ResponseObject},
    outcome::{Call, Incomplete, Outcome},
    transport::request_id,
};
use crate::domain::Usage;

/// Wait for the end of a body after the response itself has ended. The two mostly arrive together.
const TRAILING_READ_TIMEOUT: Duration = Duration::from_millis(100);

/// Separates the texts of two messages in one response.
const MESSAGE_SEPARATOR: &str = "\n\n";

/// A response in progress.
pub struct ResponseStream {
    frames: Frames,
    partial: PartialOutcome,
    last: Option<Result<Event, Failure>>,
    ended: bool,
    request_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Created {
        response_id: String,
    },
    /// A part of the answer.
    Delta {
        text: String,
    },
    /// A text that the server marked as commentary, whole.
    Commentary {
        text: String,
    },
    /// The last event.
    Completed(Outcome),
}

impl ResponseStream {
    /// Reads an HTTP response. A server that does not stream sends the whole response as JSON, which is read as a
    /// stream with all of the text at once.
    pub(super) async fn read(openai: &OpenAi, response: Response) -> Result<Self, Failure> {
        let request_id = request_id(response.headers());
        let json =
            response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let frames = if json {
            frame::whole(&openai.body(response).await?)?
        } else {
            frame::streamed(response, openai.settings.retry_policy.idle)
        };
        Ok(Self { frames, partial: PartialOutcome::default(), last: None, ended: false, request_id })
    }

    /// The next event. Returns `None` after the last one, which is [`Event::Completed`] or a failure.
    /// Cancel-safe: dropping the future (in a `select!`, say) loses no event.
    pub async fn next(&mut self) -> Option<Result<Event, Failure>> {
        while !self.ended {
            let frame = self.frames.next().await.unwrap_or(Err(Failure::Interrupted { code: None }));
            match frame.and_then(|frame| self.partial.apply(frame)) {
                Ok(None) => {}
                Ok(Some(Event::Completed(outcome))) => self.end(Ok(Event::Completed(outcome))),
                Ok(Some(event)) => return Some(Ok(event)),
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

/// The outcome as far as it has streamed in. Some servers leave the output out of their last event, so it is collected
/// here as well.
#[derive(Default)]
struct PartialOutcome {
    response_id: String,
    text: String,
    /// The output item of the last delta.
    output_index: Option<u64>,
    calls: Vec<Call>,
}

impl PartialOutcome {
    fn apply(&mut self, frame: Frame) -> Result<Option<Event>, Failure> {
        match frame {
            Frame::Created { response } => {
                self.response_id.clone_from(&response.id);
                Ok(Some(Event::Created { response_id: response.id }))
            }
            Frame::Delta { delta, output_index } => Ok(Some(self.delta(delta, output_index))),
            Frame::ItemDone { item: OutputItem::Call(call) } => {
                self.calls.push(call);
                Ok(None)
            }
            Frame::Completed { response } => Ok(Some(Event::Completed(self.outcome(response, None)))),
            Frame::Incomplete { response } => {
                let details = response.incomplete_details.as_ref();
                let incomplete = details.map_or(Incomplete::Other, IncompleteDetails::incomplete);
                Ok(Some(Event::Completed(self.outcome(response, Some(incomplete)))))
            }
            Frame::Failed { response } => {
                Err(ErrorBody::parse(&response.error.unwrap_or_default()).into_stream_failure())
            }
            Frame::Error(error) => Err(ErrorBody::parse(&error).into_stream_failure()),
            Frame::ItemDone { .. } | Frame::Other => Ok(None),
        }
    }

    /// Separates a second message from the first, as [`Outcome::text`] does.
    fn delta(&mut self, mut text: String, output_index: Option<u64>) -> Event {
        if !self.text.is_empty() && self.output_index != output_index {
            text.insert_str(0, MESSAGE_SEPARATOR);
        }
        self.output_index = output_index;
        self.text.push_str(&text);
        Event::Delta { text }
    }

    fn outcome(&mut self, response: ResponseObject, incomplete: Option<Incomplete>) -> Outcome {
        let mut outcome = Outcome {
            response_id: response.id,
            incomplete,
            usage: response.usage.map(Usage::from),
            ..Outcome::default()
        };
        for item in response.output.unwrap_or_default() {
            outcome.add(item);
        }
        if outcome.response_id.is_empty() {
            outcome.response_id = std::mem::take(&mut self.response_id);
        }
        if outcome.text.is_empty() {
            outcome.text = std::mem::take(&mut self.text);
        }
        if outcome.calls.is_empty() {
            outcome.calls = std::mem::take(&mut self.calls);
        }
        outcome
    }
}

impl Outcome {
    fn add(&mut self, item: OutputItem) {
        match item {
            OutputItem::Call(call) => self.calls.push(call),
            OutputItem::Message { content } => {
                let mut message = String::new();
                for part in content.unwrap_or_default() {
                    match part {
                        ContentPart::Text { text } => message.push_str(&text),
                        ContentPart::Refusal { refusal } => {
                            self.refusal.get_or_insert_default().push_str(&refusal);
                        }
                        ContentPart::Other => {}
                    }
                }
                if !message.is_empty() && !self.text.is_empty() {
                    self.text.push_str(MESSAGE_SEPARATOR);
                }
                self.text.push_str(&message);
            }
            OutputItem::Other => {}
        }
    }
}
