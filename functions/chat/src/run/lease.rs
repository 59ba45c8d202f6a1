//! The lease: renewed while the run waits, and its loss noticed within a second.

use std::{pin::pin, time::Duration};

use futures::future::{Either, select};
use shared::{
    Error, LINE_LOST,
    domain::{Status, Thread, thread::LEASE},
    openai::Failure,
    sockets::Event,
};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{Run, RunError};

const CHECK_INTERVAL: Duration = Duration::from_secs(1);
const RENEW_INTERVAL: Duration = Duration::from_secs(10);

/// The deadline of a run whose function has none, such as a test's.
const NO_DEADLINE: Duration = Duration::from_hours(24);

/// The reason that a run stops before its work is done.
enum Stop {
    Lost,
    Deadline,
}

impl Run {
    /// Runs `work` while the lease is renewed.
    ///
    /// After a loss of the line the listeners are told at once. The work is still brought to its end, because a
    /// conversation that is left in mid-stream is in doubt, but its result is dropped. Work that does not end before
    /// the deadline is handed to a person.
    pub(super) async fn while_leased<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, RunError> {
        let deadline = self.deadline.unwrap_or_else(|| Instant::now() + NO_DEADLINE);
        let mut work = pin!(work);
        let stop = match select(work.as_mut(), pin!(self.stopped(deadline))).await {
            Either::Left((result, _)) => return result.map_err(RunError::OpenAi),
            Either::Right((stop, _)) => stop,
        };
        match stop {
            Stop::Deadline => Err(RunError::failed()),
            Stop::Lost => {
                self.withdraw().await;
                let _ = timeout_at(deadline, work).await;
                Err(RunError::Lost)
            }
        }
    }

    async fn stopped(&self, deadline: Instant) -> Stop {
        match select(pin!(self.until_lost()), pin!(sleep_until(deadline))).await {
            Either::Left(((), _)) => Stop::Lost,
            Either::Right(((), _)) => Stop::Deadline,
        }
    }

    /// Returns once the line is lost: checks every second, and renews the lease every tenth.
    async fn until_lost(&self) {
        loop {
            sleep(CHECK_INTERVAL).await;
            // Counted over the whole run: many short waits must not outlast the lease.
            let held = if self.progress().renewed_at.elapsed() >= RENEW_INTERVAL {
                self.renew().await
            } else {
                self.check().await
            };
            // After an error it is tried again: the lease is longer than two renewal intervals.
            if let Ok(false) = held {
                return;
            }
        }
    }

    /// Reads whether the run still holds the line, and the sockets that listen by now.
    async fn check(&self) -> Result<bool, Error> {
        let Some(listeners) = self.app.store.run_look(&self.thread, &self.id).await? else { return Ok(false) };
        self.listeners.send_replace(listeners);
        Ok(true)
    }

    /// Renews the lease. `false` where the line is lost.
    pub(super) async fn renew(&self) -> Result<bool, Error> {
        let (sent_at, until) = (Instant::now(), self.app.now() + LEASE);
        let held = self.app.store.run_renew(&self.thread, &self.id, until).await?;
        if held {
            self.progress().renewed_at = sent_at;
        }
        Ok(held)
    }

    /// Withdraws the answer: tells the listeners that its deltas are void. Where a person took over, agents are offered
    /// the text so far as a draft, and again when it has grown. Returns the thread as it is now, where it can be read.
    pub(super) async fn withdraw(&self) -> Option<Thread> {
        let now = self.app.store.thread_get_bare(&self.thread.tenant, &self.thread.id).await.ok().flatten();
        let is_claimed = now.as_ref().is_some_and(|now| matches!(now.status, Status::Agent { .. }));
        let draft = {
            let mut progress = self.progress();
            let draft = Some(progress.text.clone()).filter(|text| is_claimed && !text.is_empty());
            if progress.is_withdrawn && (draft.is_none() || draft == progress.draft) {
                return now;
            }
            progress.is_withdrawn = true;
            progress.draft.clone_from(&draft);
            draft
        };
        let discarded = Event::discarded(&self.thread, &self.id, LINE_LOST);
        self.sink.send(discarded.clone());
        self.app.broadcast(&self.thread, &[discarded.with_draft(draft)]).await;
        now
    }
}
