//! The enabled actions and their effects. A read and the write that depends on it are steps of their own; others may
//! take steps in between.

use super::{
    action::{Action, Who},
    protocol::Protocol,
    run::run_may,
    state::{State, Step},
};

impl Protocol {
    pub(super) fn enabled(&self, state: &State, actions: &mut Vec<Action>) {
        for index in 0..state.people.len() {
            self.person_may(state, index as u8, actions);
        }
        self.due_may(state, actions);
        for id in 0..state.runs.len() {
            run_may(state, id as u8, actions);
        }
    }

    pub(super) fn after(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Reads(Who::Person(index)) => state.people[index as usize].step = Step::Read(before.read()),
            Action::Reads(Who::Due) => state.due = Some(before.read()),
            Action::Reads(Who::Run(id)) => self.run_reads(&mut state, id),
            Action::Writes(who) => self.write(&mut state, who, true),
            Action::WritesUnanswered(who) => {
                self.write(&mut state, who, false);
                state.left.mishaps -= 1;
                // A write that did not land is the same as a refusal.
                return (state.writes > before.writes).then_some(state);
            }
            Action::Looks(index) => self.person_looks(&mut state, index),
            Action::WritesTheRest(index) => state.write_the_rest(index),
            Action::Asks(id) => self.run_is_answered(&mut state, id),
            Action::AsksForPerson(id) => self.run_is_told_to_hand_over(&mut state, id),
            Action::IsCut(id) => self.run_is_cut(&mut state, id),
            Action::Fails(id) => self.run_fails(&mut state, id),
            Action::TriesAgain(id) => self.run_tries_again(&mut state, id),
            Action::Renews(id) => self.run_renews(&mut state, id),
            Action::LeaseRunsOut(id) => {
                state.live &= !(1 << id);
                state.left.stalls -= u8::from(state.runs[id as usize].is_some());
            }
            Action::Crashes(who) => {
                state.left.mishaps -= 1;
                match who {
                    Who::Person(index) => state.torn.retain(|(torn, _)| *torn != index),
                    Who::Due => state.due = None,
                    Who::Run(id) => state.runs[id as usize] = None,
                }
            }
        }
        Some(state)
    }

    fn write(&self, state: &mut State, who: Who, answered: bool) {
        match who {
            Who::Person(index) => self.person_writes(state, index, answered),
            Who::Due => self.due_writes(state, answered),
            Who::Run(id) => self.run_writes(state, id, answered),
        }
    }
}
