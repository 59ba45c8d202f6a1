//! Customers and agents: each sends one request after another, the next one when the last one has its response.

use super::{
    action::{Action, Who},
    commit::Condition,
    fence::Fence,
    protocol::{Deed, Protocol},
    state::{Read, State, Step},
    thread::{Entry, Event, Status, Thread},
};

/// The write of a deed.
struct Change {
    thread: Thread,
    entries: Vec<(u8, Entry)>,
    /// True if it takes the line for a new run.
    begins: bool,
}

impl Protocol {
    pub(super) fn person_may(&self, state: &State, index: u8, actions: &mut Vec<Action>) {
        let (person, who) = (state.people[index as usize], Who::Person(index));
        let mishap = state.left.mishaps > 0;
        if state.torn.iter().any(|(torn, _)| *torn == index) {
            actions.push(Action::WritesTheRest(index));
            actions.extend(mishap.then_some(Action::Crashes(who)));
            return;
        }
        match person.step {
            Step::Ready => actions.extend(self.deed(index, person.done).map(|_| Action::Reads(who))),
            Step::Read(_) => {
                actions.push(Action::Writes(who));
                actions.extend(mishap.then_some(Action::WritesUnanswered(who)));
            }
            Step::Unanswered => actions.push(Action::Looks(index)),
        }
    }

    pub(super) fn person_writes(&self, state: &mut State, index: u8, answered: bool) {
        let person = state.people[index as usize];
        let (Step::Read(read), Some(deed)) = (person.step, self.deed(index, person.done)) else { return };
        let before = read.thread;
        let written = match self.change(state, read, index, deed) {
            None => Some(false),
            Some(change) => {
                let landed = self.commit(state, &before, Condition::AsRead, change.thread, &change.entries);
                if landed && self.without.has(Fence::Transaction) {
                    state.log.truncate(state.log.len() - change.entries.len());
                    state.torn.push((index, change.entries));
                }
                if landed && change.begins {
                    state.begin(&before, true, self.memory);
                }
                landed.then_some(true)
            }
        };
        // A repeated `client_id` gets the first response.
        let again = matches!(deed, Deed::Asks { client_id: Some(id) }
            if !self.without.has(Fence::ClientId) && state.knows(id));
        let person = &mut state.people[index as usize];
        person.step = if written == Some(true) && !answered { Step::Unanswered } else { Step::Ready };
        person.done += u8::from(person.step == Step::Ready && (written.is_some() || again));
    }

    pub(super) fn person_looks(&self, state: &mut State, index: u8) {
        let person = &mut state.people[index as usize];
        person.step = Step::Ready;
        person.done += u8::from(!self.without.has(Fence::Landed));
    }

    fn deed(&self, person: u8, done: u8) -> Option<Deed> {
        self.people[person as usize].get(done as usize).copied()
    }

    /// The change that a deed makes; `None` if there is nothing to write.
    fn change(&self, state: &State, Read { mut thread, live }: Read, person: u8, deed: Deed) -> Option<Change> {
        if thread.status == Status::Ended && !self.without.has(Fence::End) {
            return None;
        }
        let (mut entries, mut begins) = (Vec::new(), false);
        let done = state.people[person as usize].done;
        match deed {
            Deed::Asks { client_id } => {
                entries.push(thread.log(Entry::Customer { person, deed: done, client_id }));
                begins = thread.status == Status::Bot && (!live || self.without.has(Fence::LeaseRespected));
                if begins {
                    thread.begin_run(state.next_run(), self.without);
                }
            }
            Deed::Says => {
                entries.extend(thread.change(Event::Claim { agent: person }, self.without));
                if thread.status != Status::Agent(person) {
                    return None;
                }
                entries.push(thread.log(Entry::Agent { person, deed: done }));
            }
            Deed::Claims => entries.push(thread.change(Event::Claim { agent: person }, self.without)?),
            Deed::ReleasesToBot => entries.push(thread.change(Event::ReleaseToBot { agent: person }, self.without)?),
            Deed::ReleasesToQueue => {
                entries.push(thread.change(Event::ReleaseToQueue { agent: person }, self.without)?);
            }
            Deed::Escalates => entries.push(thread.change(Event::Escalate, self.without)?),
            Deed::Ends => entries.push(thread.change(Event::End, self.without)?),
        }
        Some(Change { thread, entries, begins })
    }
}
