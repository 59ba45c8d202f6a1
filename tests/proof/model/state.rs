//! The table, OpenAI, and everybody at work at one time.

use super::thread::{Entry, Thread, Words};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) thread: Thread,
    pub(super) log: Vec<(u8, Entry)>,
    /// How often the thread was written. A write over something unread leaves its version behind.
    pub(super) writes: u8,
    /// What each conversation at OpenAI heard.
    pub(super) heard: Vec<Vec<Heard>>,
    /// The runs that hold a lease which has not run out, one bit each.
    pub(super) live: u16,
    pub(super) people: Vec<Person>,
    /// An asynchronous invocation of chat that has read the thread.
    pub(super) due: Option<Read>,
    /// By their ids; `None`: at its end, be it good or bad.
    pub(super) runs: Vec<Option<Run>>,
    /// Messages whose thread is written and that are not: only where the transaction is taken out.
    pub(super) torn: Vec<(u8, Vec<(u8, Entry)>)>,
    pub(super) left: Left,
}

/// What may still happen. Bounds the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    /// Crashes, answers of the table that get lost, failures of OpenAI.
    pub(super) mishaps: u8,
    /// Leases that run out though their runs are not dead.
    pub(super) stalls: u8,
    pub(super) renewals: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Heard {
    /// The log's item there.
    Item(u8),
    Said(Words),
}

/// The thread as somebody read it, and whether its run was alive then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Read {
    pub(super) thread: Thread,
    pub(super) live: bool,
}

/// A customer or an agent, who does one thing after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Person {
    /// How many things are done.
    pub(super) done: u8,
    pub(super) step: Step,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Ready,
    Read(Read),
    /// The request landed; its answer did not.
    Unanswered,
}

/// A run at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Run {
    /// As it was last written or read by the run.
    pub(super) thread: Thread,
    pub(super) phase: Phase,
    /// Its last write was refused, or not answered: it has to read again.
    pub(super) refused: bool,
    pub(super) turn: u8,
    pub(super) input_through: u8,
    pub(super) asked_through: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// A new conversation is to be saved.
    Open,
    /// The model is to be asked.
    Ask,
    /// The model has answered.
    Reply(Words),
    /// A person is to be asked.
    HandOver,
}

impl State {
    pub(super) fn is_live(&self, thread: &Thread) -> bool {
        thread.run.is_some_and(|run| self.live & 1 << run.id != 0)
    }

    pub(super) fn read(&self) -> Read {
        Read { thread: self.thread, live: self.is_live(&self.thread) }
    }

    /// Whether a message is written under this `client_id`.
    pub(super) fn knows(&self, id: u8) -> bool {
        self.log
            .iter()
            .any(|(_, entry)| matches!(entry, Entry::Customer { client_id: Some(known), .. } if *known == id))
    }

    pub(super) fn write_the_rest(&mut self, person: u8) {
        let Some(at) = self.torn.iter().position(|(torn, _)| *torn == person) else { return };
        let (_, entries) = self.torn.remove(at);
        self.log.extend(entries);
    }
}
