//! A small model of the protocol of "one voice", every interleaving of which is explored.
//!
//! Modelled: the thread item with its conditions, the log, OpenAI's conversations, and everybody who reads and then
//! writes. Time is only this: a live lease may expire at any moment, and that of a run that died does. A person's
//! request that dies between two steps is one that takes no further step, and nothing waits for it; the death of a run
//! or an invocation is a step of its own, because others have to notice. Of what listeners are sent only the words of a
//! turn's tries are modelled. Left out: other broadcasts, notes, titles, deletions at OpenAI.

#![expect(clippy::cast_possible_truncation, reason = "there are fewer than 256 of anything")]

mod action;
mod commit;
mod fence;
mod person;
mod property;
mod protocol;
mod request;
mod run;
mod state;
mod steps;
mod thread;

use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

use action::Action;
use fence::{Fence, Without};
use protocol::{
    Deed::{self, Asks, Claims, Ends, Escalates, ReleasesToBot, ReleasesToQueue, Says},
    Memory, Protocol,
};
use state::{Left, Person, State, Step};
use thread::Thread;

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let people = self.people.iter().map(|_| Person { done: 0, step: Step::Ready }).collect();
        vec![State {
            thread: Thread::NEW,
            log: Vec::new(),
            writes: 0,
            heard: Vec::new(),
            asked: Vec::new(),
            live: 0,
            people,
            due: None,
            runs: Vec::new(),
            torn: Vec::new(),
            left: self.left,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.enabled(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.after(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all()
    }
}

/// A customer sends one message twice and another once.
const BURST: Protocol = Protocol {
    people: &[&[FIRST], &[FIRST], &[SECOND]],
    memory: Memory::Conversation,
    left: Left { mishaps: 1, stalls: 1, renewals: DEEPER, hand_overs: 0 },
    without: Without::NOTHING,
};

/// Two customers' messages, and two agents who want the line.
const EVERYBODY: Protocol = Protocol {
    people: &[&[FIRST], &[SECOND], &[Claims, ReleasesToBot], &[Says]],
    memory: Memory::Conversation,
    left: Left { mishaps: 1, stalls: 0, renewals: DEEPER, hand_overs: 0 },
    without: Without::NOTHING,
};

/// The line is handed over several times until somebody ends the thread.
const ROUND: Protocol = Protocol {
    people: &[&[FIRST, Escalates], &[Claims, ReleasesToQueue], &[Says, ReleasesToBot, Ends]],
    memory: Memory::Conversation,
    left: Left { mishaps: 0, stalls: 1, renewals: DEEPER, hand_overs: 0 },
    without: Without::NOTHING,
};

/// Responses are cut, and an agent wants the line.
const SECOND_TRY: Protocol = Protocol {
    people: &[&[FIRST], &[Claims, ReleasesToBot]],
    memory: Memory::Conversation,
    left: Left { mishaps: 2, stalls: 1, renewals: 0, hand_overs: 0 },
    without: Without::NOTHING,
};

/// The same, and the customer goes on writing.
const SECOND_TRY_OF_A_BURST: Protocol = Protocol {
    people: &[&[FIRST], &[SECOND], &[Claims]],
    left: Left { stalls: DEEPER, ..SECOND_TRY.left },
    ..SECOND_TRY
};

/// The model says words and asks for a person, while an agent wants the line.
const HAND_OVER: Protocol = Protocol { left: Left { mishaps: 1, stalls: 1, renewals: 0, hand_overs: 1 }, ..SECOND_TRY };

const FIRST: Deed = Asks { client_id: Some(1) };
const SECOND: Deed = Asks { client_id: None };

/// One more of something, in an optimised build, which has the time.
const DEEPER: u8 = if cfg!(debug_assertions) { 0 } else { 1 };

#[test]
fn nothing_breaks_a_burst() {
    BURST.holds(200_000, &[property::TAKEN_OVER, property::GOES_ON, property::ANSWERED_AT_ONCE]);
}

#[test]
fn nothing_breaks_a_thread_that_everybody_wants() {
    EVERYBODY.holds(300_000, &[property::GOES_ON, property::INTERRUPTED]);
}

#[test]
fn nothing_breaks_a_line_that_goes_from_hand_to_hand() {
    ROUND.holds(50_000, &[property::TAKEN_OVER, property::INTERRUPTED]);
}

#[test]
fn nothing_breaks_a_second_try() {
    let seen = [
        property::ASKED_AGAIN,
        property::FAILED_TWICE,
        property::CLAIMED_BETWEEN,
        property::TAKEN_OVER_BETWEEN,
        property::LEFT_BETWEEN,
    ];
    SECOND_TRY.holds(150_000, &seen);
    SECOND_TRY.with_local_memory().holds(30_000, &seen);
}

#[test]
fn nothing_breaks_a_second_try_of_a_burst() {
    let seen = [property::ASKED_AGAIN, property::CLAIMED_BETWEEN, property::LEFT_BETWEEN, property::GOES_ON];
    SECOND_TRY_OF_A_BURST.holds(70_000, &seen);
    SECOND_TRY_OF_A_BURST.with_local_memory().holds(25_000, &seen);
}

#[test]
fn nothing_breaks_the_words_of_a_hand_over() {
    let seen = [property::SAYS_WHY, property::SAYS_WHY_AGAIN, property::TOO_LATE, property::TAKEN_OVER_BETWEEN];
    HAND_OVER.holds(35_000, &seen);
    HAND_OVER.with_local_memory().holds(10_000, &seen);
}

#[test]
fn without_the_epoch_a_run_that_was_not_cleared_speaks_after_a_claim() {
    EVERYBODY.breaks(&[Fence::Epoch, Fence::RunCleared], property::ONE_VOICE);
}

#[test]
fn without_a_higher_epoch_a_run_that_was_not_cleared_speaks_after_a_claim() {
    EVERYBODY.breaks(&[Fence::EpochRaised, Fence::RunCleared], property::ONE_VOICE);
}

#[test]
fn the_epoch_and_the_cleared_run_are_each_enough_alone() {
    for fence in [Fence::Epoch, Fence::EpochRaised, Fence::RunCleared] {
        let left = Left { mishaps: 0, stalls: 1, renewals: 0, hand_overs: 0 };
        let people: &[&[Deed]] = &[&[FIRST, SECOND], &[Claims, ReleasesToBot]];
        Protocol { people, left, without: Without::these(&[fence]), ..BURST }.holds(5_000, &[property::INTERRUPTED]);
    }
}

#[test]
fn without_the_runs_id_a_thawed_run_answers_again() {
    BURST.breaks(&[Fence::RunId], property::ONE_ANSWER);
}

#[test]
fn without_the_version_a_run_overwrites_a_message() {
    BURST.breaks(&[Fence::Version], property::GAPLESS);
    BURST.breaks(&[Fence::Version], property::NOTHING_LOST);
}

#[test]
fn without_its_lease_compared_a_run_that_renews_is_taken_over() {
    let left = Left { renewals: 1, ..BURST.left };
    Protocol { left, ..BURST }.breaks(&[Fence::LeaseCompared], property::ONE_RUN);
}

#[test]
fn without_regard_for_its_lease_a_run_is_taken_over_alive() {
    BURST.breaks(&[Fence::LeaseRespected], property::ONE_RUN);
}

#[test]
fn without_the_transaction_a_crash_leaves_a_gap() {
    BURST.breaks(&[Fence::Transaction], property::GAPLESS);
}

#[test]
fn without_a_look_at_the_last_reply_a_lost_answer_is_written_twice() {
    BURST.breaks(&[Fence::LastReply], property::ONE_ANSWER);
}

#[test]
fn without_a_look_at_what_landed_a_message_is_logged_twice() {
    BURST.breaks(&[Fence::Landed], property::SAID_ONCE);
}

#[test]
fn without_its_client_id_a_repeat_is_logged_twice() {
    BURST.breaks(&[Fence::ClientId], property::SAID_ONCE);
}

#[test]
fn without_doubt_a_crashed_runs_words_stay_in_the_conversation() {
    BURST.breaks(&[Fence::Dirty], property::IN_STEP);
}

#[test]
fn an_answer_that_speaks_of_less_than_was_asked_lets_the_model_hear_a_message_twice() {
    BURST.breaks(&[Fence::Input], property::IN_STEP);
}

#[test]
fn a_run_that_goes_on_under_anothers_lease_spoils_the_conversation() {
    BURST.breaks(&[Fence::StillHeld], property::IN_STEP);
}

#[test]
fn without_a_limit_the_model_is_asked_a_third_time() {
    SECOND_TRY.breaks(&[Fence::Tries], property::ASKED_TWICE);
}

#[test]
fn a_second_try_in_the_same_conversation_says_everything_twice() {
    SECOND_TRY.breaks(&[Fence::Afresh], property::IN_STEP);
}

#[test]
fn words_that_are_not_withdrawn_stand_beside_those_of_the_second_try() {
    SECOND_TRY.breaks(&[Fence::Withdrawn], property::SHOWN_ONCE);
}

#[test]
fn words_of_hand_over_in_a_write_of_their_own_are_left_without_an_escalation() {
    HAND_OVER.breaks(&[Fence::Together], property::HANDED_OVER);
}

#[test]
fn an_ended_thread_that_takes_a_message_has_two_voices() {
    ROUND.breaks(&[Fence::End], property::ONE_VOICE);
}

#[test]
fn without_sweep_a_crash_is_followed_by_silence() {
    BURST.breaks(&[Fence::Sweep], property::NO_SILENCE);
}

impl Protocol {
    fn with_local_memory(self) -> Self {
        Self { memory: Memory::Local, ..self }
    }

    /// Checks that every interleaving keeps every property. At least `states` states are found, and `seen` is among
    /// them: a model in which little happens proves little.
    #[track_caller]
    fn holds(self, states: usize, seen: &[&str]) {
        let checked = self.checker().threads(2).spawn_bfs().join();
        for property in property::all() {
            let discovered = checked.discovery(property.name).map(stateright::Path::into_actions);
            match property.expectation {
                Expectation::Always => assert_eq!(discovered, None, "{}", property.name),
                _ => {
                    assert!(discovered.is_some() || !seen.contains(&property.name), "never reached: {}", property.name);
                }
            }
        }
        let found = checked.unique_state_count();
        println!("{found} states");
        assert!(found >= states, "the model shrank to {found} states");
    }

    /// Checks that, without these fences, some interleaving violates this property.
    #[track_caller]
    fn breaks(self, fences: &[Fence], property: &'static str) {
        let without = Without::these(fences);
        let until = HasDiscoveries::AnyOf([property].into());
        let checked = Self { without, ..self }.checker().finish_when(until).spawn_bfs().join();
        let found = checked.discovery(property).unwrap_or_else(|| panic!("no interleaving violates: {property}"));
        println!("{property}, without {fences:?}: {:#?}", found.into_actions());
    }
}
