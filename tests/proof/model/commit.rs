//! The commit of a thread with its log entries, as `shared::store` makes it.

use super::{
    fence::Fence,
    protocol::Protocol,
    state::State,
    thread::{Entry, Thread},
};

/// The writes that a commit must not conflict with.
#[derive(Clone, Copy)]
pub(super) enum Condition {
    /// Any write, renewals included.
    AsRead,
    /// Any write except the run's own renewals.
    HeldBy(u8),
}

impl Protocol {
    /// Commits one transaction: `thread` over `before`, and its log entries. Returns whether it was written.
    pub(super) fn commit(
        &self,
        state: &mut State,
        before: &Thread,
        condition: Condition,
        mut thread: Thread,
        entries: &[(u8, Entry)],
    ) -> bool {
        if !self.is_met(&state.thread, before, condition) || !entries.iter().all(|entry| self.fits(state, *entry)) {
            return false;
        }
        if thread.epoch != before.epoch || thread.status != before.status {
            state.live = 0;
        }
        thread.version = before.version + 1;
        state.writes += 1;
        state.thread = thread;
        state.log.extend(entries);
        true
    }

    fn is_met(&self, now: &Thread, before: &Thread, condition: Condition) -> bool {
        let taken_out = |fence| self.without.has(fence);
        match condition {
            Condition::AsRead => {
                let lease = |thread: &Thread| thread.run.map(|run| run.lease);
                now.version == before.version && (taken_out(Fence::LeaseCompared) || lease(now) == lease(before))
            }
            Condition::HeldBy(run) => {
                (taken_out(Fence::Version) || now.version == before.version)
                    && (taken_out(Fence::RunId) || now.run.is_some_and(|held| held.id == run))
                    && (taken_out(Fence::Epoch) || now.epoch == before.epoch)
            }
        }
    }

    /// True if an entry's own condition holds: nothing is logged at its `seq`, and its `client_id` is new.
    fn fits(&self, state: &State, (seq, entry): (u8, Entry)) -> bool {
        let is_free = state.log.iter().all(|(taken, _)| *taken != seq);
        let is_new = match entry {
            Entry::Customer { client_id: Some(id), .. } => !state.knows(id),
            _ => true,
        };
        is_free && (is_new || self.without.has(Fence::ClientId))
    }
}
