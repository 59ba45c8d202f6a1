//! A thread's status: the holder of the line, and the one function that says how it may change hands.

use serde::{Deserialize, Serialize};

use super::{At, Identity, Person, Role};
use crate::{ConflictWith, Error};

/// The holder of the line: exactly one. A variant carries only what is true in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "lowercase")]
pub enum Status {
    Bot { since: At },
    Queued { since: At, reason: Reason },
    Agent { since: At, agent: Person },
    Ended { since: At, by: Person },
}

/// The reason that a thread is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Reason {
    /// The customer (or an admin for them) asked for a person.
    Asked,
    /// The model asked for a person.
    Bot,
    /// The bot failed. Such a wait never times out back to the bot.
    Failure,
    /// An agent gave the thread back to the queue.
    Released,
    /// An agent left the customer's message unanswered.
    Absent,
    /// A budget of model turns or tokens is used up. Such a wait never times out back to the bot either.
    Budget,
}

impl Reason {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Bot => "bot",
            Self::Failure => "failure",
            Self::Released => "released",
            Self::Absent => "absent",
            Self::Budget => "budget",
        }
    }
}

/// The side that a release or a timeout gives the line to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Line {
    Bot,
    Queue,
}

/// Events that change a thread's status.
#[derive(Clone, Debug)]
pub enum Event {
    Escalate { at: At, reason: Reason, comment: Option<String> },
    Claim { at: At, agent: Person, admin: bool },
    Release { at: At, to: Line },
    TimeOut { at: At, to: Line },
    End { at: At, by: Person },
}

impl Status {
    /// The transition table: the one place that says which event may follow which status.
    /// A repeated event changes nothing; an unlisted one is a conflict.
    pub fn on(self, event: Event) -> Result<Self, Error> {
        use Event::{Claim, End, Escalate, Release, TimeOut};
        match (self, event) {
            // Before an admin's claim: a claim by the holder changes nothing.
            (Self::Agent { since, agent }, Claim { agent: same, .. }) if agent.id == same.id => {
                Ok(Self::Agent { since, agent })
            }
            (Self::Bot { .. }, Escalate { at, reason, .. }) => Ok(Self::Queued { since: at, reason }),
            (Self::Bot { .. } | Self::Queued { .. }, Claim { at, agent, .. })
            | (Self::Agent { .. }, Claim { at, agent, admin: true }) => Ok(Self::Agent { since: at, agent }),
            // A wait after a failure, or over a budget, does not time out: a person has to take it.
            (Self::Queued { reason: Reason::Failure | Reason::Budget, .. }, TimeOut { to: Line::Bot, .. }) => {
                Err(Error::conflict("the bot has failed; a person has to take the thread"))
            }
            (Self::Agent { .. } | Self::Queued { .. }, Release { at, to: Line::Bot })
            | (Self::Queued { .. }, TimeOut { at, to: Line::Bot }) => Ok(Self::Bot { since: at }),
            (Self::Agent { .. }, Release { at, to: Line::Queue }) => {
                Ok(Self::Queued { since: at, reason: Reason::Released })
            }
            (Self::Agent { .. }, TimeOut { at, to: Line::Queue }) => {
                Ok(Self::Queued { since: at, reason: Reason::Absent })
            }
            (Self::Bot { .. } | Self::Queued { .. } | Self::Agent { .. }, End { at, by }) => {
                Ok(Self::Ended { since: at, by })
            }

            (
                now @ Self::Queued { .. },
                Escalate { .. } | Release { to: Line::Queue, .. } | TimeOut { to: Line::Queue, .. },
            )
            | (now @ Self::Bot { .. }, Release { to: Line::Bot, .. } | TimeOut { to: Line::Bot, .. })
            | (now @ Self::Ended { .. }, End { .. }) => Ok(now),

            (Self::Agent { agent, .. }, Claim { .. } | Escalate { .. }) => {
                Err(Error::conflict_with(ConflictWith::Agent(agent)))
            }
            (Self::Ended { .. }, _) => Err(Error::conflict("the thread has ended")),
            _ => Err(Error::conflict("the thread's status does not allow this")),
        }
    }

    /// True where this identity may release the line: the holder or an admin. Releasing to the bot what it holds
    /// already changes nothing, so anyone may.
    pub fn releasable_by(&self, identity: &Identity) -> bool {
        match self {
            Self::Agent { agent, .. } => identity.role == Role::Admin || agent.id == identity.subject,
            Self::Queued { .. } => identity.role == Role::Admin,
            Self::Bot { .. } | Self::Ended { .. } => true,
        }
    }

    /// The words of all statuses, in the order of a list of all threads: those that need a person come first.
    pub const WORDS: [&'static str; 4] = ["queued", "agent", "bot", "ended"];

    /// The word on the wire and in the index: `bot`, `queued`, `agent` or `ended`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Bot { .. } => "bot",
            Self::Queued { .. } => "queued",
            Self::Agent { .. } => "agent",
            Self::Ended { .. } => "ended",
        }
    }

    pub const fn since(&self) -> At {
        match self {
            Self::Bot { since }
            | Self::Queued { since, .. }
            | Self::Agent { since, .. }
            | Self::Ended { since, .. } => *since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: At = At::from_millis(1);
    const NOW: At = At::from_millis(2);

    fn person(id: &str) -> Person {
        Person { id: id.into(), name: None }
    }

    fn states() -> [Status; 4] {
        [
            Status::Bot { since: THEN },
            Status::Queued { since: THEN, reason: Reason::Asked },
            Status::Agent { since: THEN, agent: person("ana") },
            Status::Ended { since: THEN, by: person("ana") },
        ]
    }

    /// For each state in turn: the state after, `=` where nothing changed, `!` where it was refused.
    fn after(event: &Event) -> String {
        let word = |before: Status| match before.clone().on(event.clone()) {
            Ok(after) if after == before => "=",
            Ok(after) => after.word(),
            Err(_) => "!",
        };
        states().map(word).join(" ")
    }

    #[test]
    fn every_event_in_every_state() {
        assert_eq!(after(&Event::Escalate { at: NOW, reason: Reason::Bot, comment: None }), "queued = ! !");
        assert_eq!(after(&Event::Claim { at: NOW, agent: person("ana"), admin: false }), "agent agent = !");
        assert_eq!(after(&Event::Claim { at: NOW, agent: person("ben"), admin: false }), "agent agent ! !");
        assert_eq!(after(&Event::Claim { at: NOW, agent: person("ben"), admin: true }), "agent agent agent !");
        assert_eq!(after(&Event::Release { at: NOW, to: Line::Bot }), "= bot bot !");
        assert_eq!(after(&Event::Release { at: NOW, to: Line::Queue }), "! = queued !");
        assert_eq!(after(&Event::TimeOut { at: NOW, to: Line::Bot }), "= bot ! !");
        assert_eq!(after(&Event::TimeOut { at: NOW, to: Line::Queue }), "! = queued !");
        assert_eq!(after(&Event::End { at: NOW, by: person("ana") }), "ended ended ended =");
    }

    #[test]
    fn a_reasons_word_is_that_of_the_wire() {
        for reason in [Reason::Asked, Reason::Bot, Reason::Failure, Reason::Released, Reason::Absent, Reason::Budget] {
            assert_eq!(serde_json::json!(reason), reason.word());
        }
    }

    #[test]
    fn a_wait_that_a_failure_caused_does_not_time_out() {
        let failed = Status::Queued { since: THEN, reason: Reason::Failure };
        failed.clone().on(Event::TimeOut { at: NOW, to: Line::Bot }).unwrap_err();
        assert_eq!(failed.clone().on(Event::TimeOut { at: NOW, to: Line::Queue }).unwrap(), failed);
        assert_eq!(failed.on(Event::Release { at: NOW, to: Line::Bot }).unwrap().word(), "bot");
    }

    #[test]
    fn a_losing_claim_names_the_winner() {
        let [_, _, held, _] = states();
        let refused = held.on(Event::Claim { at: NOW, agent: person("ben"), admin: false }).unwrap_err();
        assert_eq!(refused.to_string(), "ana holds the line");
    }
}
