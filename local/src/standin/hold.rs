//! A hold: where a response waits until a test lets it go on.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

/// The handle on one hold; clones are the same hold. Several requests that wait at it are released as one.
#[derive(Clone, Debug)]
pub struct Hold {
    number: usize,
    stage: Arc<watch::Sender<Stage>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// No request has come to it yet.
    Armed,
    /// A request waits here.
    Held,
    /// The client went away while it waited.
    Left,
    Released,
    Cut,
}

impl Hold {
    pub(super) fn new(number: usize) -> Self {
        Self { number, stage: Arc::new(watch::Sender::new(Stage::Armed)) }
    }

    /// Its name under `/standin/holds`.
    pub fn number(&self) -> usize {
        self.number
    }

    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Returns once a request has come to the hold: whatever was to be sent before has been handed to the connection.
    pub async fn begun(&self) {
        self.until(|stage| stage != Stage::Armed).await;
    }

    /// Returns once the client has gone away without waiting for the release.
    pub async fn left(&self) {
        self.until(|stage| stage == Stage::Left).await;
    }

    /// Lets it go on, now or when it comes.
    pub fn release(&self) {
        self.stage.send_replace(Stage::Released);
    }

    /// Breaks it off, now or when it comes.
    pub fn cut(&self) {
        self.stage.send_replace(Stage::Cut);
    }

    /// Waits for the release; false where it is cut.
    pub(super) async fn wait(&self) -> bool {
        let _guard = WaitGuard(self);
        self.transition(Stage::Held, |from| matches!(from, Stage::Armed | Stage::Left));
        self.until(|stage| matches!(stage, Stage::Released | Stage::Cut)).await == Stage::Released
    }

    async fn until(&self, reached: impl Fn(Stage) -> bool) -> Stage {
        let mut stage = self.stage.subscribe();
        match stage.wait_for(|stage| reached(*stage)).await {
            Ok(stage) => *stage,
            // The sender lives as long as `self` does.
            Err(_closed) => Stage::Cut,
        }
    }

    fn transition(&self, to: Stage, from: impl Fn(Stage) -> bool) {
        self.stage.send_if_modified(|stage| {
            let changes = from(*stage);
            if changes {
                *stage = to;
            }
            changes
        });
    }
}

/// Dropped where the wait is abandoned, that is, where the client's connection is gone.
struct WaitGuard<'a>(&'a Hold);

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.transition(Stage::Left, |from| from == Stage::Held);
    }
}
