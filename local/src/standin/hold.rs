//! Holds: points at which a response waits until a test releases it.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

/// The handle of a hold; clones are the same hold. All requests that wait at it are released together.
#[derive(Clone, Debug)]
pub struct Hold {
    number: usize,
    stage: Arc<watch::Sender<Stage>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// No request has reached the hold yet.
    Armed,
    /// A request waits at the hold.
    Held,
    /// The client left while its request waited.
    Left,
    Released,
    Cut,
}

impl Hold {
    pub(super) fn new(number: usize) -> Self {
        Self { number, stage: Arc::new(watch::Sender::new(Stage::Armed)) }
    }

    /// The hold's number under `/standin/holds`.
    pub fn number(&self) -> usize {
        self.number
    }

    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Returns once a request has reached the hold: everything before it has been handed to the connection.
    pub async fn begun(&self) {
        self.until(|stage| stage != Stage::Armed).await;
    }

    /// Returns once the client has left without waiting for the release.
    pub async fn left(&self) {
        self.until(|stage| stage == Stage::Left).await;
    }

    /// Releases the request that waits, or the next that reaches the hold.
    pub fn release(&self) {
        self.stage.send_replace(Stage::Released);
    }

    /// Breaks off the request that waits, or the next that reaches the hold.
    pub fn cut(&self) {
        self.stage.send_replace(Stage::Cut);
    }

    /// Waits for the release. Returns false if the hold is cut.
    pub(super) async fn wait(&self) -> bool {
        let _guard = WaitGuard(self);
        self.transition(Stage::Held, |from| matches!(from, Stage::Armed | Stage::Left));
        self.until(|stage| matches!(stage, Stage::Released | Stage::Cut)).await == Stage::Released
    }

    async fn until(&self, reached: impl Fn(Stage) -> bool) -> Stage {
        let mut stage = self.stage.subscribe();
        match stage.wait_for(|stage| reached(*stage)).await {
            Ok(stage) => *stage,
            // Unreachable: the sender lives as long as `self`.
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

/// Marks the hold as left when the wait is dropped, which happens when the client's connection is closed.
struct WaitGuard<'a>(&'a Hold);

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.transition(Stage::Left, |from| from == Stage::Held);
    }
}
