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
    /// The model answers.
    Asks(u8),
    /// The model says words and asks for a person, in one response.
    AsksForPerson(u8),
    /// The response fails after it had begun, in a way that may pass.
    IsCut(u8),
    /// OpenAI fails for good.
    Fails(u8),
    /// A run whose response was cut renews its lease, withdraws the words, and gets ready to ask again.
    TriesAgain(u8),
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
