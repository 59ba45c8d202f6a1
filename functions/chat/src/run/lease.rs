//! Holding the line while something takes long: the lease is renewed, and its loss is noticed within a second.

use std::{pin::pin, time::Duration};

use futures::future::{Either, select};
use shared::{
    Error, LINE_LOST,
    domain::{Reason, Status, Thread, thread::LEASE},
    openai::Failure,
    sockets::Event,
};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{Run, RunError};

const CHECK_INTERVAL: Duration = Duration::from_secs(1);
const RENEW_INTERVAL: Duration = Duration::from_secs(10);

/// For functions without a deadline of their own, such as a test's.
const NO_DEADLINE: Duration = Duration::from_hours(24);

/// Why a run stops before its work is done.
enum Stop {
    Lost,
    Deadline,
}

impl Run {
    /// Does something that takes long while it holds the line. Where the line is lost the listeners are told at once, and
    /// the work is still brought to its end, for a conversation that is left in mid-stream is in doubt; but nobody waits
    /// for what comes of it. What cannot end before the function's deadline is handed to a person.
    pub(super) async fn while_leased<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, RunError> {
        let deadline = self.deadline.unwrap_or_else(|| Instant::now() + NO_DEADLINE);
        let mut work = pin!(work);
        let stop = match select(work.as_mut(), pin!(self.stopped(deadline))).await {
            Either::Left((done, _)) => return done.map_err(RunError::OpenAi),
            Either::Right((stop, _)) => stop,
        };
        match stop {
            Stop::Deadline => Err(RunError::HandOver { reason: Reason::Failure, comment: None }),
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

    /// Looks every second whether the line is still this run's, and renews its lease every tenth. Returns once it is lost.
    async fn until_lost(&self) {
        loop {
            sleep(CHECK_INTERVAL).await;
            // Counted over everything the run does: many short waits must not outlast the lease.
            let held = if self.progress().renewed.elapsed() >= RENEW_INTERVAL {
                self.renew().await
            } else {
                self.look().await
            };
            // One that fails otherwise is tried again: the lease outlives two renewals.
            if let Ok(false) = held {
                return;
            }
        }
    }

    /// Whether the line is still held, and who listens by now.
    async fn look(&self) -> Result<bool, Error> {
        let Some(listeners) = self.app.store.run_look(&self.thread, &self.id).await? else { return Ok(false) };
        self.listeners.send_replace(listeners);
        Ok(true)
    }

    /// Holds the line for another lease. `false`: it is lost.
    pub(super) async fn renew(&self) -> Result<bool, Error> {
        let (asked, until) = (Instant::now(), self.app.now() + LEASE);
        let held = self.app.store.run_renew(&self.thread, &self.id, until).await?;
        if held {
            self.progress().renewed = asked;
        }
        Ok(held)
    }

    /// Tells the listeners that what this run has said is void. Where a person took over, the agents are offered what it
    /// had said, and once more where more has come since. Returns the thread as it is now, as far as it can be read.
    pub(super) async fn withdraw(&self) -> Option<Thread> {
        let now = self.app.store.thread_get_bare(&self.thread.tenant, &self.thread.id).await.ok().flatten();
        let is_claimed = now.as_ref().is_some_and(|now| matches!(now.status, Status::Agent { .. }));
        let draft = {
            let mut progress = self.progress();
            let draft = Some(progress.text.clone()).filter(|text| is_claimed && !text.is_empty());
            if progress.withdrawn && (draft.is_none() || draft == progress.draft) {
                return now;
            }
            progress.withdrawn = true;
            progress.draft.clone_from(&draft);
            draft
        };
        let discarded = Event::discarded(&self.thread, &self.id, LINE_LOST);
        self.sink.send(discarded.clone());
        self.app.broadcast(&self.thread, &[discarded.with_draft(draft)]).await;
        now
    }
}
