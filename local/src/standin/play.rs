//! Playing a script: as a stream of events, or silently for its end.

use std::{collections::VecDeque, io, time::Duration};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use futures::stream;

use super::{
    Hold, Standin,
    fault::Answer,
    front::broken,
    response::json_body,
    script::{Ending, Landing, Script},
};

pub(super) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    Hold(Hold),
    /// The response's effects happen, and its conversation is free: before the client hears of its end, so that
    /// whoever heard of it may go on.
    Land(Landing),
    Break,
}

/// A conversation locked by a response. Freed when the response lands, or when its client leaves before.
pub(super) struct Lock {
    standin: Standin,
    conversation: Option<String>,
}

impl Lock {
    pub(super) fn new(standin: Standin, conversation: String) -> Self {
        Self { standin, conversation: Some(conversation) }
    }

    fn free(&mut self) {
        let Some(id) = self.conversation.take() else {
            return;
        };
        if let Some(conversation) = self.standin.world().conversations.get_mut(&id) {
            conversation.running = false;
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.free();
    }
}

pub(super) struct Play {
    standin: Standin,
    steps: VecDeque<Step>,
    ending: Ending,
    lock: Option<Lock>,
}

impl Play {
    pub(super) fn new(standin: Standin, script: Script, lock: Option<Lock>) -> Self {
        Self { standin, steps: script.steps, ending: script.ending, lock }
    }

    pub(super) fn into_body(self) -> Body {
        let events = stream::unfold(self, |mut play| async move {
            let sent = play.next().await?;
            Some((sent, play))
        });
        Body::from_stream(events)
    }

    pub(super) async fn answer(mut self) -> Response {
        while let Some(sent) = self.next().await {
            if sent.is_err() {
                return broken();
            }
        }
        match self.ending {
            Ending::Answer(json) => json_body(json),
            Ending::Error(code) => Answer::status(500).code(&code).into_response(),
            Ending::Broken => broken(),
        }
    }

    /// All that can be sent before the next wait, in one piece: the fewer pieces, the less the stand-in costs.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut sent = Vec::new();
        loop {
            let waits = !matches!(self.steps.front(), Some(Step::Send(_) | Step::Land(_)));
            if waits && !sent.is_empty() {
                return Some(Ok(sent.into()));
            }
            match self.steps.pop_front()? {
                Step::Send(mut bytes) => sent.append(&mut bytes),
                Step::Pause(pace) => tokio::time::sleep(pace).await,
                Step::Land(landing) => self.land(landing),
                Step::Hold(hold) if hold.pass().await => {}
                Step::Hold(_) | Step::Break => {
                    self.steps.clear();
                    self.ending = Ending::Broken;
                    // Without this turn the server would drop the connection with what it has not flushed yet.
                    tokio::task::yield_now().await;
                    return Some(Err(io::Error::other("cut, as the stand-in was told")));
                }
            }
        }
    }

    fn land(&mut self, landing: Landing) {
        let mut world = self.standin.world();
        if let Some(id) = landing.conversation
            && let Ok(items) = world.items(&id)
        {
            items.extend(landing.items);
        }
        if let Some((id, json)) = landing.stored {
            world.responses.insert(id, json);
        }
        drop(world);
        if let Some(lock) = &mut self.lock {
            lock.free();
        }
    }
}
