//! The fences of the protocol, each of which can be removed from the model.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fence {
    /// A run's writes are conditional on its epoch.
    Epoch,
    /// Each change of owner raises the epoch.
    EpochRaised,
    /// Each change of owner clears the run.
    RunCleared,
    /// A run's writes are conditional on its id.
    RunId,
    /// A run's writes are conditional on the version as read.
    Version,
    /// A write over a run is conditional on its lease as read.
    LeaseCompared,
    /// Only a dead run is taken over.
    LeaseRespected,
    /// Thread and messages are written in one transaction.
    Transaction,
    /// A run whose reply was refused checks whether it has landed already.
    LastReply,
    /// A request that got no response checks whether it landed before it is made again.
    Landed,
    /// A message is written with its `client_id`, once.
    ClientId,
    /// A run that begins marks OpenAI's side as in doubt.
    Dirty,
    /// An answer covers the messages that the model was given, and none that came while the conversation was created.
    Input,
    /// A run goes on only while it holds the line itself, not while any run does.
    StillHeld,
    /// The model is asked once more after a failure, and not again.
    Tries,
    /// A second try has a conversation of its own.
    Afresh,
    /// The words of a try that failed are withdrawn before the next one.
    Withdrawn,
    /// Words of hand-over are written in one transaction with their escalation.
    Together,
    /// An ended thread takes no more messages.
    End,
    /// Dead runs and unanswered messages are found.
    Sweep,
}

/// The removed fences: none of them in the real protocol.
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
