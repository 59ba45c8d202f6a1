//! The model's actions, and who takes them.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Reads(Who),
    Writes(Who),
    /// The write lands, but its response is lost.
    WritesUnanswered(Who),
    /// After a lost response, a person's request checks whether it landed.
    Looks(u8),
    /// The messages after the thread: only without the fence `Transaction`.
    WritesTheRest(u8),
    Asks(u8),
    /// OpenAI fails.
    Fails(u8),
    Renews(u8),
    LeaseRunsOut(u8),
    Crashes(Who),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Person(u8),
    /// An invocation of `chat` by the sweep or a handoff, to answer a waiting message.
    Due,
    Run(u8),
}
