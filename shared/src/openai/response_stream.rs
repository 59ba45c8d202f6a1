//! A response, read as it is written.

use std::time::Duration;

use futures::{StreamExt, future};
use reqwest::{Response, header::CONTENT_TYPE};
use tokio::time::timeout;
use tracing::warn;

use super::{
    Call, Failure, OpenAi,
    failure::Complaint,
    frame::{self, Body, Details, Frame, Frames, Item, Part},
    transport::request_id,
};

/// How long the end of a body is waited for once the response itself has ended. It mostly arrives
/// together with it.
const TRAILING_READ_TIMEOUT: Duration = Duration::from_millis(100);

/// A response under way.
pub struct Answer {
    frames: Frames,
    heard: Heard,
    last: Option<Result<Event, Failure>>,
    over: bool,
    request_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Created {
        response_id: String,
    },
    Delta {
        text: String,
    },
    /// The last one.
    Completed(Outcome),
}

/// What a response came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub response_id: String,
    /// All that the model said, in one text; may be empty.
    pub text: String,
    /// The model's own words for declining.
    pub refusal: Option<String>,
    pub calls: Vec<Call>,
    /// Why the answer stops short, if it does.
    pub incomplete: Option<Incomplete>,
    pub usage: Option<Usage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    MaxOutputTokens,
    ContentFilter,
    Other,
}

/// Tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    /// Of the input, those that came from the prompt cache.
    pub cached: u64,
    pub output: u64,
    pub total: u64,
}

impl Answer {
    /// Servers that do not stream answer with the whole response as JSON; it is read as a stream
    /// that says it all at once.
    pub(super) async fn read(openai: &OpenAi, answer: Response) -> Result<Self, Failure> {
        let request_id = request_id(answer.headers());
        let json =
            answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let frames = if json {
            frame::whole(&openai.body(answer).await?)?
        } else {
            frame::streamed(answer, openai.settings.retry_policy.idle)
        };
        Ok(Self { frames, heard: Heard::default(), last: None, over: false, request_id })
    }

    /// The next event; `None` after the last, which is [`Event::Completed`] or a failure.
    /// May be dropped while it waits (in a `select!`, say) without losing an event.
    pub async fn next(&mut self) -> Option<Result<Event, Failure>> {
        while !self.over {
            let frame = self.frames.next().await.unwrap_or(Err(Failure::Interrupted { code: None }));
            match frame.and_then(|frame| self.heard.take(frame)) {
                Ok(None) => {}
                Ok(Some(Event::Completed(outcome))) => self.end(Ok(Event::Completed(outcome))),
                Ok(Some(event)) => return Some(Ok(event)),
                Err(failure) => self.end(Err(failure)),
            }
        }
        // A body read to its end leaves its connection to the next request.
        if self.last.is_some() {
            let _ = timeout(TRAILING_READ_TIMEOUT, self.frames.by_ref().for_each(|_| future::ready(()))).await;
        }
        self.last.take()
    }

    fn end(&mut self, last: Result<Event, Failure>) {
        if let Err(failure) = &last {
            warn!(request_id = self.request_id, %failure, "a response failed in its stream");
        }
        self.over = true;
        self.last = Some(last);
    }
}

/// What the stream said so far. Some servers leave the output out of their last event, so it is
/// kept here as well.
#[derive(Default)]
struct Heard {
    response_id: String,
    text: String,
    /// The output item that the last delta belonged to.
    speaking: Option<u64>,
    calls: Vec<Call>,
}

impl Heard {
    fn take(&mut self, frame: Frame) -> Result<Option<Event>, Failure> {
        match frame {
            Frame::Created { response } => {
                self.response_id.clone_from(&response.id);
                Ok(Some(Event::Created { response_id: response.id }))
            }
            Frame::Delta { delta, output_index } => Ok(Some(self.delta(delta, output_index))),
            Frame::ItemDone { item: Item::Call(call) } => {
                self.calls.push(call);
                Ok(None)
            }
            Frame::Completed { response } => Ok(Some(Event::Completed(self.outcome(response, None)))),
            Frame::Incomplete { response } => {
                let why = response.incomplete_details.as_ref().map_or(Incomplete::Other, Details::why);
                Ok(Some(Event::Completed(self.outcome(response, Some(why)))))
            }
            Frame::Failed { response } => Err(Complaint::read(&response.error.unwrap_or_default()).in_stream()),
            Frame::Error(error) => Err(Complaint::read(&error).in_stream()),
            Frame::ItemDone { .. } | Frame::Other => Ok(None),
        }
    }

    /// A second message is set off from the first, as in [`Outcome::text`].
    fn delta(&mut self, mut text: String, output_index: Option<u64>) -> Event {
        if !self.text.is_empty() && self.speaking != output_index {
            text.insert_str(0, BETWEEN_MESSAGES);
        }
        self.speaking = output_index;
        self.text.push_str(&text);
        Event::Delta { text }
    }

    fn outcome(&mut self, response: Body, incomplete: Option<Incomplete>) -> Outcome {
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

const BETWEEN_MESSAGES: &str = "\n\n";

impl Outcome {
    fn add(&mut self, item: Item) {
        match item {
            Item::Call(call) => self.calls.push(call),
            Item::Message { content } => {
                let mut said = String::new();
                for part in content.unwrap_or_default() {
                    match part {
                        Part::Text { text } => said.push_str(&text),
                        Part::Refusal { refusal } => {
                            self.refusal.get_or_insert_default().push_str(&refusal);
                        }
                        Part::Other => {}
                    }
                }
                if !said.is_empty() && !self.text.is_empty() {
                    self.text.push_str(BETWEEN_MESSAGES);
                }
                self.text.push_str(&said);
            }
            Item::Other => {}
        }
    }
}
