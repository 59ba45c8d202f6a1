//! What the protocol stands on, each piece of which can be taken out.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fence {
    /// A run's writes are under its epoch.
    Epoch,
    /// Each change of owner raises the epoch.
    EpochRaised,
    /// Each change of owner takes the line from the run.
    RunCleared,
    /// A run's writes are under its id.
    RunId,
    /// A run's writes are under the version as read.
    Version,
    /// Who writes over a run compares its lease as read.
    LeaseCompared,
    /// Only a dead run is taken over.
    LeaseRespected,
    /// Thread and messages are written in one transaction.
    Transaction,
    /// A run whose reply was refused looks whether it is there already.
    LastReply,
    /// A request that was not answered looks whether it landed before it is made again.
    Landed,
    /// A message is written with its `client_id`, once.
    ClientId,
    /// A run that begins puts OpenAI's side in doubt.
    Dirty,
    /// An answer speaks of what the model was given, and of no message that came while the conversation was made.
    Input,
    /// A run goes on only while it holds the line, not while just anybody does.
    StillHeld,
    /// An ended thread takes nothing more.
    End,
    /// Somebody looks after dead runs and unanswered messages.
    Sweep,
}

/// The fences that are taken out: none of them in the real protocol.
#[derive(Clone, Copy)]
pub(super) struct Without(u32);

impl Without {
    pub(super) const NOTHING: Self = Self(0);

    pub(super) fn these(fences: &[Fence]) -> Self {
        Self(fences.iter().fold(0, |all, fence| all | 1 << *fence as u8))
    }

    pub(super) fn has(self, fence: Fence) -> bool {
        self.0 & 1 << fence as u8 != 0
    }
}
