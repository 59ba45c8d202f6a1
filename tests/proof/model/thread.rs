//! The thread item, its log and its transitions: `shared::domain::Thread`, without the fields that no race affects.

use super::fence::{Fence, Without};

/// Maximum number of dead runs from which a thread may be taken over; then a person is asked. One less than the real
/// one.
const ATTEMPTS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Status {
    Bot,
    Queued,
    Agent(u8),
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Thread {
    pub(super) status: Status,
    pub(super) epoch: u8,
    pub(super) seq: u8,
    pub(super) version: u8,
    pub(super) run: Option<Run>,
    pub(super) last_reply: Option<Words>,
    pub(super) asked_through: u8,
    pub(super) answered_through: u8,
    pub(super) openai: Conversation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Run {
    pub(super) id: u8,
    pub(super) epoch: u8,
    /// Stands for `lease_until`: another number for each time it was set.
    pub(super) lease: u8,
    pub(super) attempt: u8,
}

/// Words of the model: the run and turn that asked for them, the tries of that turn that had failed before, and the
/// conversation; `None` with local memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Words {
    pub(super) run: u8,
    pub(super) turn: u8,
    pub(super) failures: u8,
    pub(super) conversation: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Conversation {
    pub(super) id: Option<u8>,
    pub(super) synced_through: u8,
    pub(super) dirty: bool,
}

/// An item of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    Customer {
        person: u8,
        deed: u8,
        client_id: Option<u8>,
    },
    Agent {
        person: u8,
        deed: u8,
    },
    /// The bot's answer to the messages `from` through `through`.
    Bot {
        words: Words,
        from: u8,
        through: u8,
    },
    /// The bot's words of hand-over, which answer nothing.
    HandsOver {
        words: Words,
    },
    /// A change of owner.
    Owner(Status),
}

/// Events that change a thread's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Escalate,
    Claim { agent: u8 },
    ReleaseToBot { agent: u8 },
    ReleaseToQueue { agent: u8 },
    End,
}

impl Status {
    /// The next status; `None` if the event is refused or changes nothing.
    fn on(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Bot, Event::Escalate) => Some(Self::Queued),
            (Self::Bot | Self::Queued, Event::Claim { agent }) => Some(Self::Agent(agent)),
            (Self::Agent(holder), Event::ReleaseToBot { agent }) if holder == agent => Some(Self::Bot),
            (Self::Agent(holder), Event::ReleaseToQueue { agent }) if holder == agent => Some(Self::Queued),
            (Self::Bot | Self::Queued | Self::Agent(_), Event::End) => Some(Self::Ended),
            _ => None,
        }
    }
}

impl Thread {
    pub(super) const NEW: Self = Self {
        status: Status::Bot,
        epoch: 1,
        seq: 0,
        version: 0,
        run: None,
        last_reply: None,
        asked_through: 0,
        answered_through: 0,
        openai: Conversation { id: None, synced_through: 0, dirty: false },
    };

    pub(super) fn is_held_by(&self, run: u8, without: Without) -> bool {
        self.run.is_some_and(|held| {
            (without.has(Fence::RunId) || held.id == run) && (without.has(Fence::Epoch) || held.epoch == self.epoch)
        })
    }

    pub(super) fn awaits_bot(&self) -> bool {
        self.status == Status::Bot && self.asked_through > self.answered_through
    }

    /// True after more attempts than allowed.
    pub(super) fn is_spent(&self) -> bool {
        self.run.is_some_and(|run| run.attempt > ATTEMPTS)
    }

    /// Appends `entry` to the log.
    pub(super) fn log(&mut self, entry: Entry) -> (u8, Entry) {
        self.seq += 1;
        match entry {
            Entry::Customer { .. } => self.asked_through = self.seq,
            Entry::Agent { .. } => self.answered_through = self.seq,
            Entry::Bot { .. } | Entry::HandsOver { .. } | Entry::Owner(_) => {}
        }
        (self.seq, entry)
    }

    pub(super) fn begin_run(&mut self, id: u8, without: Without) {
        let attempt = self.run.map_or(1, |dead| dead.attempt + 1);
        self.run = Some(Run { id, epoch: self.epoch, lease: 0, attempt });
        self.openai.dirty = !without.has(Fence::Dirty);
    }

    pub(super) fn reply(&mut self, words: Words, input_through: u8, asked_through: u8) -> (u8, Entry) {
        let caught_up = self.seq == input_through;
        let answer = Entry::Bot { words, from: self.answered_through + 1, through: asked_through };
        let logged = self.log(answer);
        self.answered_through = asked_through;
        self.last_reply = Some(words);
        let is_known_there = self.openai.id == words.conversation;
        if is_known_there {
            self.openai.synced_through = if caught_up { self.seq } else { input_through };
        }
        if !self.awaits_bot() {
            self.run = None;
            self.openai.dirty = !is_known_there;
        }
        logged
    }

    /// The log entry of the event; `None` if the event is refused or changes nothing.
    pub(super) fn change(&mut self, event: Event, without: Without) -> Option<(u8, Entry)> {
        self.status = self.status.on(event)?;
        if !without.has(Fence::EpochRaised) {
            self.epoch += 1;
        }
        if !without.has(Fence::RunCleared) {
            self.run = None;
        }
        let logged = self.log(Entry::Owner(self.status));
        if self.status == Status::Ended {
            self.answered_through = self.seq;
            self.openai = Conversation { synced_through: self.openai.synced_through, ..Conversation::default() };
        }
        Some(logged)
    }
}
