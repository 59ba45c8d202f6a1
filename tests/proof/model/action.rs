//! The steps that the model takes, and who takes them.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Reads(Who),
    Writes(Who),
    /// The write lands, but its answer is lost.
    WritesUnanswered(Who),
    /// After a lost answer, a person's request looks whether it landed.
    Looks(u8),
    /// The messages after the thread: only where the transaction is taken out.
    WritesTheRest(u8),
    Asks(u8),
    /// OpenAI cannot answer.
    Fails(u8),
    Renews(u8),
    LeaseRunsOut(u8),
    Crashes(Who),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Person(u8),
    /// Chat, asked by sweep or handoff to answer what waits.
    Due,
    Run(u8),
}
