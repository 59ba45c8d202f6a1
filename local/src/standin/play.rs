//! Playing a script: as a stream of events, or as one response at its end.

use std::{collections::VecDeque, io};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use futures::stream;

use super::{
    error_response::ErrorResponse,
    fault::{cut_error, cut_response},
    handle::Standin,
    response::json_response,
    script::Script,
    step::{Effects, Outcome, Step},
};

/// The lock of a response on its conversation, released when its effects are applied or its client leaves before.
pub(super) struct ConversationLock {
    standin: Standin,
    conversation: Option<String>,
}

impl ConversationLock {
    pub(super) fn new(standin: Standin, conversation: String) -> Self {
        Self { standin, conversation: Some(conversation) }
    }

    fn release(&mut self) {
        let Some(id) = self.conversation.take() else {
            return;
        };
        if let Some(conversation) = self.standin.account().conversations.get_mut(&id) {
            conversation.running = false;
        }
    }
}

impl Drop for ConversationLock {
    fn drop(&mut self) {
        self.release();
    }
}

pub(super) struct Play {
    standin: Standin,
    steps: VecDeque<Step>,
    outcome: Outcome,
    lock: Option<ConversationLock>,
}

impl Play {
    pub(super) fn new(standin: Standin, script: Script, lock: Option<ConversationLock>) -> Self {
        Self { standin, steps: script.steps, outcome: script.outcome, lock }
    }

    pub(super) fn into_body(self) -> Body {
        let events = stream::unfold(self, |mut play| async move {
            let sent = play.next().await?;
            Some((sent, play))
        });
        Body::from_stream(events)
    }

    pub(super) async fn into_response(mut self) -> Response {
        while let Some(sent) = self.next().await {
            if sent.is_err() {
                return cut_response();
            }
        }
        match self.outcome {
            Outcome::Response(json) => json_response(json),
            Outcome::Error(code) => ErrorResponse::status(500).code(&code).into_response(),
            Outcome::Cut => cut_response(),
        }
    }

    /// The bytes up to the next pause, in one piece: fewer pieces cost less CPU.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut sent = Vec::new();
        loop {
            let waits = !matches!(self.steps.front(), Some(Step::Send(_) | Step::Apply(_)));
            if waits && !sent.is_empty() {
                return Some(Ok(sent.into()));
            }
            match self.steps.pop_front()? {
                Step::Send(mut bytes) => sent.append(&mut bytes),
                Step::Pause(pace) => tokio::time::sleep(pace).await,
                Step::Apply(effects) => self.apply(effects),
                Step::Hold(hold) if hold.wait().await => {}
                Step::Hold(_) | Step::Cut => {
                    self.steps.clear();
                    self.outcome = Outcome::Cut;
                    // Without this yield the server would drop the connection before it has flushed the bytes so far.
                    tokio::task::yield_now().await;
                    return Some(Err(cut_error()));
                }
            }
        }
    }

    fn apply(&mut self, effects: Effects) {
        let mut account = self.standin.account();
        if let Some(id) = effects.conversation
            && let Ok(items) = account.items(&id)
        {
            items.extend(effects.items);
        }
        if let Some((id, json)) = effects.stored {
            account.responses.insert(id, json);
        }
        drop(account);
        if let Some(lock) = &mut self.lock {
            lock.release();
        }
    }
}
