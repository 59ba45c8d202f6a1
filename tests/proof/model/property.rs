//! The properties of the protocol: invariants that hold in every state, whatever the order and whatever fails.

use stateright::Property;

use super::{
    action::{Action, Who},
    fence::Without,
    protocol::Protocol,
    state::{Ending, Heard, Phase, Run, State},
    thread::{Entry, Status, Words},
};

pub(super) const GAPLESS: &str = "the log has no gaps and no duplicates";
pub(super) const ONE_VOICE: &str = "only the holder of the line speaks";
pub(super) const ONE_RUN: &str = "at most one run is alive";
pub(super) const ONE_ANSWER: &str = "a message is answered at most once";
pub(super) const SAID_ONCE: &str = "a message sent once is logged once";
pub(super) const IN_STEP: &str = "a conversation that is not in doubt agrees with the log";
pub(super) const NOTHING_LOST: &str = "no write is overwritten unread";
pub(super) const ASKED_TWICE: &str = "the model is asked once a turn, and once more only after a response that was cut";
pub(super) const SHOWN_ONCE: &str = "listeners see the words of one try at a time";
pub(super) const HANDED_OVER: &str = "words of hand-over are followed by their escalation";
pub(super) const NO_SILENCE: &str = "a waiting message is taken care of";

// Events that must be reachable; otherwise the invariants would prove little.
pub(super) const TAKEN_OVER: &str = "another run answers the messages of a dead one";
pub(super) const GOES_ON: &str = "a run goes on with the messages that came meanwhile";
pub(super) const ANSWERED_AT_ONCE: &str = "one answer covers two messages";
pub(super) const INTERRUPTED: &str = "the line changes hands in mid-answer and returns to the bot";
pub(super) const ASKED_AGAIN: &str = "the second try is answered";
pub(super) const FAILED_TWICE: &str = "the second try fails as well, and a person is asked";
pub(super) const CLAIMED_BETWEEN: &str = "a person claims the line between the tries";
pub(super) const TAKEN_OVER_BETWEEN: &str = "another run takes the line between the tries";
pub(super) const LEFT_BETWEEN: &str = "another run answers after one that was never asked again";
pub(super) const SAYS_WHY: &str = "the bot hands over in its own words";
pub(super) const SAYS_WHY_AGAIN: &str = "the second try hands over in the bot's own words";
pub(super) const TOO_LATE: &str = "a person claims the line before the words of hand-over are written";

pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(GAPLESS, |_, state: &State| gapless(state)),
        Property::always(ONE_VOICE, |_, state: &State| one_voice(state)),
        Property::always(ONE_RUN, |_, state: &State| state.live.count_ones() <= 1),
        Property::always(ONE_ANSWER, |_, state: &State| one_answer(state)),
        Property::always(SAID_ONCE, |_, state: &State| said_once(state)),
        Property::always(IN_STEP, |_, state: &State| in_step(state)),
        Property::always(NOTHING_LOST, |_, state: &State| state.thread.version == state.writes),
        Property::always(ASKED_TWICE, |_, state: &State| asked_twice(state)),
        Property::always(SHOWN_ONCE, |_, state: &State| runs(state).all(|(_, run)| run.shown.count_ones() <= 1)),
        Property::always(HANDED_OVER, |_, state: &State| handed_over(state)),
        Property::always(NO_SILENCE, no_silence),
        Property::sometimes(TAKEN_OVER, |_, state: &State| {
            !changed_hands(state) && answers(state).next().is_some_and(|(words, ..)| words.run > 0)
        }),
        Property::sometimes(GOES_ON, |_, state: &State| answers(state).any(|(words, ..)| words.turn > 0)),
        Property::sometimes(ANSWERED_AT_ONCE, |_, state: &State| {
            answers(state).any(|(_, from, through)| from < through)
        }),
        Property::sometimes(INTERRUPTED, |_, state: &State| interrupted(state)),
        Property::sometimes(ASKED_AGAIN, |_, state: &State| answers(state).any(|(words, ..)| words.failures > 0)),
        Property::sometimes(FAILED_TWICE, |_, state: &State| {
            let is_second = |cut: &Words| cut.failures > 0;
            state.thread.status == Status::Queued && cut(state).any(|cut| is_second(&cut))
        }),
        Property::sometimes(CLAIMED_BETWEEN, |_, state: &State| {
            is_with_agent(state) && runs(state).any(|(_, run)| run.is_between_tries())
        }),
        Property::sometimes(TAKEN_OVER_BETWEEN, taken_over_between),
        Property::sometimes(LEFT_BETWEEN, |_, state: &State| left_between(state)),
        Property::sometimes(SAYS_WHY, |_, state: &State| last_words(state).next().is_some()),
        Property::sometimes(SAYS_WHY_AGAIN, |_, state: &State| last_words(state).any(|words| words.failures > 0)),
        Property::sometimes(TOO_LATE, |_, state: &State| {
            is_with_agent(state) && runs(state).any(|(_, run)| matches!(run.phase, Phase::HandOver(Some(_))))
        }),
    ]
}

fn runs(state: &State) -> impl Iterator<Item = (u8, &Run)> {
    state.runs.iter().enumerate().filter_map(|(id, run)| Some((id as u8, run.as_ref()?)))
}

/// The words of the responses that were cut.
fn cut(state: &State) -> impl Iterator<Item = Words> {
    state.asked.iter().filter(|request| request.ending == Ending::Cut).map(|request| request.words)
}

/// The words of hand-over in the log.
fn last_words(state: &State) -> impl Iterator<Item = Words> {
    state.log.iter().filter_map(|(_, entry)| match *entry {
        Entry::HandsOver { words } => Some(words),
        _ => None,
    })
}

fn is_with_agent(state: &State) -> bool {
    matches!(state.thread.status, Status::Agent(_))
}

fn taken_over_between(_: &Protocol, state: &State) -> bool {
    let (now, run) = (state.thread.epoch, state.thread.run);
    runs(state).any(|(id, between)| {
        between.is_between_tries() && between.thread.epoch == now && run.is_some_and(|run| run.id != id)
    })
}

fn left_between(state: &State) -> bool {
    let asked_again = |cut: Words| {
        state.asked.iter().any(|it| (it.words.run, it.words.turn) == (cut.run, cut.turn) && it.words.failures > 0)
    };
    let answered_by_another = |cut: Words| answers(state).any(|(words, ..)| words.run > cut.run);
    !changed_hands(state) && cut(state).any(|cut| !asked_again(cut) && answered_by_another(cut))
}

/// The answers in the log: the words, and the first and the last message that they answer.
fn answers(state: &State) -> impl Iterator<Item = (Words, u8, u8)> {
    state.log.iter().filter_map(|(_, entry)| match *entry {
        Entry::Bot { words, from, through } => Some((words, from, through)),
        _ => None,
    })
}

fn changed_hands(state: &State) -> bool {
    state.log.iter().any(|(_, entry)| matches!(entry, Entry::Owner(_)))
}

fn interrupted(state: &State) -> bool {
    let is_discarded = |(id, run): (usize, &Option<Run>)| {
        run.is_some_and(|run| {
            matches!(run.phase, Phase::Reply(_)) && !state.thread.is_held_by(id as u8, Without::NOTHING)
        })
    };
    state.thread.status == Status::Bot && changed_hands(state) && state.runs.iter().enumerate().any(is_discarded)
}

/// No `seq` is missing or double; an entry that is still to be written (`torn`) does not count as missing.
fn gapless(state: &State) -> bool {
    let rest = state.torn.iter().flat_map(|(_, entries)| entries);
    let mut seqs: Vec<_> = state.log.iter().chain(rest).map(|(seq, _)| *seq).collect();
    seqs.sort_unstable();
    seqs.into_iter().eq(1..=state.thread.seq)
}

fn one_voice(state: &State) -> bool {
    let mut line = Status::Bot;
    state.log.iter().all(|(_, entry)| match *entry {
        Entry::Customer { .. } => line != Status::Ended,
        Entry::Bot { .. } | Entry::HandsOver { .. } => line == Status::Bot,
        Entry::Agent { person, .. } => line == Status::Agent(person),
        Entry::Owner(next) => {
            let was = std::mem::replace(&mut line, next);
            // Of two agents one is refused.
            was != Status::Ended && !matches!((was, next), (Status::Agent(_), Status::Agent(_)))
        }
    })
}

/// Each answer covers at least one message, and no message is covered twice.
fn one_answer(state: &State) -> bool {
    let mut answered = 0;
    state.log.iter().all(|(seq, entry)| {
        let Entry::Bot { from, through, .. } = *entry else { return true };
        let is_next = answered < from && from <= through && through < *seq;
        answered = through;
        is_next
    })
}

fn asked_twice(state: &State) -> bool {
    let turn = |words: Words| (words.run, words.turn);
    state.asked.iter().enumerate().all(|(at, request)| {
        let mut earlier = state.asked[..at].iter().filter(|it| turn(it.words) == turn(request.words));
        earlier.next().is_none_or(|first| first.ending == Ending::Cut) && earlier.next().is_none()
    })
}

/// The bot says nothing by itself but with the escalation that follows.
fn handed_over(state: &State) -> bool {
    state.log.iter().all(|(seq, entry)| {
        let is_next = |(next, entry): &(u8, Entry)| *next == seq + 1 && *entry == Entry::Owner(Status::Queued);
        !matches!(entry, Entry::HandsOver { .. }) || state.log.iter().any(is_next)
    })
}

fn said_once(state: &State) -> bool {
    let said = |entry: &Entry| match *entry {
        Entry::Customer { client_id: Some(id), .. } => Some((u8::MAX, id)),
        Entry::Customer { person, deed, .. } | Entry::Agent { person, deed } => Some((person, deed)),
        Entry::Bot { .. } | Entry::HandsOver { .. } | Entry::Owner(_) => None,
    };
    let mut all: Vec<_> = state.log.iter().filter_map(|(_, entry)| said(entry)).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    all.len() == count
}

/// A conversation that is not in doubt was given each item through `synced_through` once, produced the bot's messages
/// in the log, and contains nothing else.
fn in_step(state: &State) -> bool {
    let openai = &state.thread.openai;
    let Some(conversation) = openai.id.filter(|_| !openai.dirty) else { return true };
    let item = |heard: &Heard| match *heard {
        Heard::Item(seq) => Some(seq),
        Heard::OpenCall => None,
        Heard::Said(said) => state
            .log
            .iter()
            .find_map(|(seq, entry)| matches!(entry, Entry::Bot { words, .. } if *words == said).then_some(*seq)),
    };
    let mut heard: Vec<_> = state.heard[conversation as usize].iter().map(item).collect();
    heard.sort_unstable();
    let known = state.log.iter().filter(|(seq, entry)| {
        *seq <= openai.synced_through
            || matches!(entry, Entry::Bot { words, .. } if words.conversation == Some(conversation))
    });
    let mut known: Vec<_> = known.map(|(seq, _)| Some(*seq)).collect();
    known.sort_unstable();
    heard == known
}

/// If a customer waits for the bot, some step is enabled even if no person ever acts again. Because no sequence of
/// steps is endless, it ends with an answer, with a person who is asked, or with one who was faster.
fn no_silence(protocol: &Protocol, state: &State) -> bool {
    let goes_on = |action: &Action| match *action {
        Action::Reads(who) | Action::Writes(who) => !matches!(who, Who::Person(_)),
        Action::Asks(_) | Action::TriesAgain(_) => true,
        Action::LeaseRunsOut(id) => state.runs[id as usize].is_none(),
        _ => false,
    };
    let mut actions = Vec::new();
    !state.thread.awaits_bot() || {
        protocol.enabled(state, &mut actions);
        actions.iter().any(goes_on)
    }
}
