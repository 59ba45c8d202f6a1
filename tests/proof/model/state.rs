//! The state of the model: the table, OpenAI, and everybody's progress.

use super::thread::{Entry, Thread, Words};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) thread: Thread,
    pub(super) log: Vec<(u8, Entry)>,
    /// Number of writes of the thread. A write over an unread version leaves `version` behind.
    pub(super) writes: u8,
    /// The items that each conversation at OpenAI was given.
    pub(super) heard: Vec<Vec<Heard>>,
    /// The requests to the model, by run, turn and try.
    pub(super) asked: Vec<Request>,
    /// The runs with a lease that has not expired, one bit each.
    pub(super) live: u16,
    pub(super) people: Vec<Person>,
    /// An asynchronous invocation of `chat` that has read the thread.
    pub(super) due: Option<Read>,
    /// The runs by id; `None` for one that has ended, successfully or not.
    pub(super) runs: Vec<Option<Run>>,
    /// Messages that are not written although their thread is: only without the fence `Transaction`.
    pub(super) torn: Vec<(u8, Vec<(u8, Entry)>)>,
    pub(super) left: Left,
}

/// The faults that may still happen. Bounds the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    /// Crashes, lost responses of the table, failures of OpenAI.
    pub(super) mishaps: u8,
    /// Leases that expire although their runs are not dead.
    pub(super) stalls: u8,
    pub(super) renewals: u8,
    /// Responses in which the model says words and asks for a person.
    pub(super) hand_overs: u8,
}

/// A request to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) words: Words,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ending {
    Answered,
    /// Failed after it had begun, in a way that may pass.
    Cut,
    /// Failed for good.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Heard {
    /// The log item at this `seq`.
    Item(u8),
    Said(Words),
    /// A function call without an output: with one, each later turn fails.
    OpenCall,
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
    /// Number of finished deeds.
    pub(super) done: u8,
    pub(super) step: Step,
}

/// The progress of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Ready,
    Read(Read),
    /// The request landed; its response did not arrive.
    Unanswered,
}

/// A run that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Run {
    /// The thread as the run last wrote or read it.
    pub(super) thread: Thread,
    pub(super) phase: Phase,
    /// Its last write was refused or got no response, so it has to read again.
    pub(super) refused: bool,
    pub(super) turn: u8,
    /// The tries of this turn that failed.
    pub(super) failures: u8,
    /// The tries of this turn whose words listeners have on their screens, one bit each.
    pub(super) shown: u8,
    pub(super) input_through: u8,
    pub(super) asked_through: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Saves a new conversation.
    Open,
    /// Asks the model.
    Ask,
    /// Its response was cut: checks that it still holds the line.
    Again,
    /// Saves the model's answer.
    Reply(Words),
    /// Hands over to a person, with the bot's own words if it said any.
    HandOver(Option<Words>),
}

impl State {
    pub(super) fn is_live(&self, thread: &Thread) -> bool {
        thread.run.is_some_and(|run| self.live & 1 << run.id != 0)
    }

    pub(super) fn read(&self) -> Read {
        Read { thread: self.thread, live: self.is_live(&self.thread) }
    }

    /// True if a message is logged with this `client_id`.
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
