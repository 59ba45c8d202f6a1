//! The budget of a thread: what its customer's account has counted for it. It is kept in the thread, so that every
//! write of the thread can use and settle it: it outlives the process, and the run that takes over from a dead one goes
//! on with it.

use std::time::Duration;

use super::{
    At, ChatbotId, RunId, Status, Thread,
    budget::{
        Budget::{self, MessagesPerMinute, TokensPerDay, TurnsPerDay, TurnsPerMinute},
        CountedUses, Reservation, ReservedTurn, ReturnedUses, SharedTokens, Use, Window, difference,
    },
    thread::Run,
};

/// The time by which a run that lost the line to a person has settled its turn, or is dead.
const RUN_ENDS_WITHIN: Duration = Duration::from_mins(20);

/// The time within which a run takes a dead one's turn over.
const INHERITED_WITHIN: Duration = Duration::from_mins(4);

/// The part of a minute's limit that is counted ahead for a thread that is in use, and of a day's. The former is void
/// with the minute, the latter is given back when the thread is quiet.
const MINUTE_SHARE: u64 = 4;
const DAY_SHARE: u64 = 32;
const MAX_AHEAD: u64 = 16;
const MAX_TOKENS_AHEAD: u64 = 20_000;

/// The amount that is counted ahead, besides a use itself.
fn block(it: &Use) -> u64 {
    match it.budget {
        MessagesPerMinute | TurnsPerMinute => (it.limit / MINUTE_SHARE).min(MAX_AHEAD).saturating_sub(1),
        TurnsPerDay => (it.limit / DAY_SHARE).min(MAX_AHEAD).saturating_sub(1),
        TokensPerDay => (it.limit / DAY_SHARE).min(MAX_TOKENS_AHEAD),
        Budget::ThreadsPerHour | Budget::EscalationsPerHour => 0,
    }
}

impl Thread {
    /// Makes uses of what is counted ahead. Returns those that the customer's account has to count, with others ahead
    /// if the thread has been used today; `is_exact`: without.
    pub fn use_reserved(&mut self, uses: &[Use], now: At, is_exact: bool) -> Option<CountedUses> {
        if uses.is_empty() {
            return None;
        }
        let held = self.reservation.get_or_insert_default();
        let is_begun = held.ahead.is_of(Window::Minute, now);
        let is_exact = is_exact || !held.ahead.is_of(Window::Day, now);
        held.ahead.advance(now);
        let short = held.ahead.take(uses);
        if short.is_empty() {
            return None;
        }
        let counted = if is_exact { short.clone() } else { held.ahead.with_ahead(uses, &short, block) };
        held.ahead.keep(&difference(&counted, &short), now);
        Some(CountedUses { has_ahead: counted != short, uses: counted, at: now, is_begun })
    }

    /// Notes the turn of the thread's run as counted; in place of the one of `dead`, a run that it takes over from.
    pub fn reserve_turn(&mut self, turn: ReservedTurn, dead: Option<&RunId>) {
        if let Some(held) = &mut self.reservation {
            held.lost.retain(|(lost, _)| Some(lost) != dead);
        }
        if let Some(run) = &mut self.run {
            run.turn = Some(turn);
        }
    }

    /// Keeps the turn of a run that has lost the line, until it is settled.
    pub(in crate::domain) fn keep_lost_turn(&mut self, lost: &Run) {
        if let Some(turn) = lost.turn {
            self.reservation.get_or_insert_default().lost.push((lost.id.clone(), turn));
        }
    }

    /// The turn of a dead run of today, for the run of the same chatbot that takes over from it.
    pub fn dead_turn(&self, now: At, chatbot: &ChatbotId) -> Option<(&RunId, ReservedTurn)> {
        let dead = self.run.as_ref().filter(|run| run.lease_until <= now)?;
        let turn = dead.turn.filter(|turn| Window::Day.number(turn.at) == Window::Day.number(now))?;
        // One that is older might be given up while the new run goes on with it.
        (now < turn.at + INHERITED_WITHIN && self.chatbot_id == *chatbot).then_some((&dead.id, turn))
    }

    /// The turn of a run, until it is settled.
    pub fn reserved_turn(&self, run: &RunId) -> Option<ReservedTurn> {
        if let Some(held) = self.run.as_ref().filter(|held| held.id == *run) {
            return held.turn;
        }
        self.reservation.as_ref()?.lost.iter().find(|(lost, _)| lost == run).map(|(_, turn)| *turn)
    }

    /// Settles a run's turn by the tokens that it took; without a count of them all count as used. Returns the turn;
    /// `None` where it is not the run's any more.
    pub fn settle(&mut self, run: &RunId, taken: Option<u64>) -> Option<ReservedTurn> {
        let turn = self.reserved_turn(run)?;
        if let Some(held) = self.run.as_mut().filter(|held| held.id == *run) {
            held.turn = None;
        }
        if let Some(held) = &mut self.reservation {
            held.lost.retain(|(lost, _)| lost != run);
        }
        if turn.tokens > 0 {
            let ahead = &mut self.reservation.get_or_insert_default().ahead;
            let reserved = i64::try_from(turn.tokens).unwrap_or(i64::MAX);
            let unused = reserved.saturating_sub_unsigned(taken.unwrap_or(turn.tokens));
            ahead.advance(turn.at);
            ahead.add(TokensPerDay, unused, turn.at);
        }
        Some(turn)
    }

    /// The thread has another chatbot from now on: nobody goes on with what is counted for the earlier one.
    pub fn forget_shared_tokens(&mut self) {
        let lost = self.reservation.iter_mut().flat_map(|held| &mut held.lost).map(|(_, turn)| turn);
        for turn in lost.chain(self.run.iter_mut().filter_map(|run| run.turn.as_mut())) {
            turn.shared = SharedTokens::default();
        }
    }

    /// Takes the uses that go back to the customer's account: what is counted ahead, once the bot has not the line or
    /// it `is_due`. Tokens that are owed go at once.
    pub fn take_returned(&mut self, is_due: bool) -> Option<ReturnedUses> {
        let is_kept = matches!(self.status, Status::Bot { .. }) && !is_due;
        let held = self.reservation.as_mut()?;
        let (at, ahead) = (held.ahead.at(), &mut held.ahead);
        let owes = ahead.left(TokensPerDay) < 0;
        let tokens = if owes || !is_kept { ahead.take_all(TokensPerDay) } else { 0 };
        let turns = if is_kept { 0 } else { ahead.take_all(TurnsPerDay) };
        // What is left of the minute is the customer's whoever has the line.
        self.reservation.take_if(|held| *held == Reservation { ahead: held.ahead.used_up(), lost: Vec::new() });
        (turns != 0 || tokens != 0).then_some(ReturnedUses { at, turns, tokens })
    }

    /// Takes the turns from runs that lost the line and died before they settled: nobody goes on with them. Their
    /// tokens are counted ahead then.
    pub fn abandon_turns(&mut self, now: At) -> Vec<ReservedTurn> {
        let lost = self.reservation.iter().flat_map(|held| &held.lost);
        let dead: Vec<_> = lost.filter(|(_, turn)| turn.at + RUN_ENDS_WITHIN <= now).cloned().collect();
        for (run, _) in &dead {
            self.settle(run, Some(0));
        }
        dead.into_iter().map(|(_, turn)| turn).collect()
    }

    /// The time of the last use, where some are counted ahead that can be given back.
    pub(in crate::domain) fn counted_ahead_at(&self) -> Option<At> {
        let ahead = &self.reservation.as_ref()?.ahead;
        let is_left = |budget| ahead.left(budget) != 0;
        (is_left(TurnsPerDay) || is_left(TokensPerDay)).then_some(ahead.at())
    }

    /// The time by which the first of the runs that lost the line has settled its turn, or is dead.
    pub(in crate::domain) fn lost_turn_ends_at(&self) -> Option<At> {
        self.reservation.as_ref()?.lost.iter().map(|(_, turn)| turn.at + RUN_ENDS_WITHIN).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Person, budget::Limits};

    const NOW: At = At::from_seconds(1_795_341_600);
    const HOUR: Duration = Duration::from_hours(1);

    fn thread() -> Thread {
        let [id, bot] = ["thr_01JD0000000000000000000000", "bot_01JD0000000000000000000000"];
        Thread::new("acme", id.parse().unwrap(), bot.parse().unwrap(), "cus".into(), NOW)
    }

    fn run(number: u8) -> RunId {
        format!("run_01JD000000000000000000000{number}").parse().unwrap()
    }

    fn limits() -> Limits {
        [(MessagesPerMinute, 60), (TurnsPerMinute, 30), (TurnsPerDay, 600), (TokensPerDay, 3_000_000)]
            .into_iter()
            .fold(Limits::default(), |limits, (budget, limit)| limits.with(budget, limit))
    }

    fn turn() -> Vec<Use> {
        limits().uses(&[(MessagesPerMinute, 1), (TurnsPerMinute, 1), (TurnsPerDay, 1), (TokensPerDay, 20_000)])
    }

    const RESERVED: ReservedTurn =
        ReservedTurn { at: NOW, tokens: 20_000, shared: SharedTokens { chatbot: 0, tenant: 0 } };

    /// The amounts that a turn at `at` has to count.
    fn begins(thread: &mut Thread, number: u8, at: At, is_exact: bool) -> Vec<u64> {
        thread.begin_run(run(number), at);
        let counted = thread.use_reserved(&turn(), at, is_exact);
        thread.reserve_turn(ReservedTurn { at, ..RESERVED }, None);
        counted.map_or(Vec::new(), |counted| counted.uses.iter().map(|it| it.amount).collect())
    }

    /// A turn that takes as many tokens.
    fn turns(thread: &mut Thread, number: u8, at: At, taken: u64) -> Vec<u64> {
        let counted = begins(thread, number, at, false);
        thread.settle(&run(number), Some(taken)).unwrap();
        thread.run = None;
        counted
    }

    #[test]
    fn the_first_turn_of_a_day_is_counted_alone_and_later_ones_with_others() {
        let mut thread = thread();
        assert_eq!(turns(&mut thread, 1, NOW, 500), [1, 1, 1, 20_000]);
        // A quarter of a minute's messages, at most 16, and turns, 16 of a day, and tokens for some more.
        assert_eq!(turns(&mut thread, 2, NOW, 500), [15, 7, 16, 20_500]);
        for number in 3..=8 {
            assert!(turns(&mut thread, number, NOW, 500).is_empty());
        }
        // The minute's turns are used up; the others, of which much is left, are not counted.
        assert_eq!(turns(&mut thread, 9, NOW, 500), [7]);
        // What is left of a minute is void with it; the turns of the day run low. All is void with the day.
        assert_eq!(turns(&mut thread, 1, NOW + Duration::from_mins(1), 500), [15, 7, 8]);
        assert_eq!(turns(&mut thread, 1, NOW + HOUR * 24, 500), [1, 1, 1, 20_000]);
    }

    #[test]
    fn without_room_for_more_a_turn_is_counted_alone() {
        let mut thread = thread();
        turns(&mut thread, 1, NOW, 500);
        assert_eq!(begins(&mut thread, 2, NOW, true), [1, 1, 1, 500]);
    }

    #[test]
    fn a_run_that_takes_over_has_the_turn_of_the_dead_one_alone() {
        let mut thread = thread();
        begins(&mut thread, 1, NOW, false);
        let (late, bot) = (NOW + Duration::from_secs(31), thread.chatbot_id.clone());
        assert_eq!(thread.dead_turn(NOW, &bot), None, "it is alive");
        assert_eq!(thread.dead_turn(late, &bot), Some((&run(1), RESERVED)));
        assert_eq!(thread.dead_turn(late, &"bot_01JD0000000000000000000009".parse().unwrap()), None);
        let (minutes, mut paused) = (NOW + INHERITED_WITHIN, thread.clone());
        paused.run.as_mut().unwrap().lease_until = NOW;
        assert_eq!(paused.dead_turn(minutes, &bot), None);
        paused.forget_shared_tokens();
        let mut next_day = thread.clone();
        next_day.run.as_mut().unwrap().lease_until = NOW;
        assert_eq!(next_day.dead_turn(NOW + HOUR * 24, &bot), None);
        thread.begin_run(run(2), late);
        thread.reserve_turn(RESERVED, Some(&run(1)));
        assert_eq!(thread.settle(&run(1), Some(900)), None, "it thaws and settles nothing");
        assert_eq!(thread.settle(&run(2), Some(900)), Some(RESERVED));
        assert_eq!(thread.settle(&run(2), Some(900)), None, "once");
        assert_eq!(thread.reservation.unwrap().ahead.left(TokensPerDay), 19_100);
    }

    #[test]
    fn a_turn_without_a_count_took_all_and_what_is_owed_is_told_at_once() {
        let mut thread = thread();
        begins(&mut thread, 1, NOW, false);
        thread.settle(&run(1), None).unwrap();
        assert_eq!(thread.take_returned(false), None);
        begins(&mut thread, 2, NOW, true);
        thread.settle(&run(2), Some(21_000)).unwrap();
        assert_eq!(thread.take_returned(false), Some(ReturnedUses { at: NOW, turns: 0, tokens: -1_000 }));
        assert_eq!(thread.take_returned(false), None);
    }

    #[test]
    fn what_is_counted_ahead_goes_back_with_the_line() {
        let mut thread = thread();
        turns(&mut thread, 1, NOW, 500);
        turns(&mut thread, 2, NOW, 500);
        assert_eq!(thread.take_returned(false), None);
        let all = ReturnedUses { at: NOW, turns: 15, tokens: 39_500 };
        assert_eq!(thread.clone().take_returned(true), Some(all));
        thread.status = Status::Agent { since: NOW, agent: Person { id: "ana".into(), name: None } };
        assert_eq!(thread.take_returned(false), Some(all));
        // What is left of the minute stays the customer's.
        assert!(thread.use_reserved(&turn()[..1], NOW, false).is_none());
        assert_eq!(thread.use_reserved(&turn()[..1], NOW + HOUR, true).unwrap().uses, turn()[..1]);
        assert_eq!(thread.take_returned(false), None);
        assert_eq!(thread.reservation, None);
    }

    #[test]
    fn a_turn_that_lost_the_line_is_given_up_after_a_while_and_no_other() {
        let mut thread = thread();
        begins(&mut thread, 1, NOW, true);
        let late = NOW + RUN_ENDS_WITHIN;
        assert_eq!(thread.clone().abandon_turns(late), [], "it has the line");
        begins(&mut thread, 2, late, true);
        assert_eq!(thread.abandon_turns(NOW + RUN_ENDS_WITHIN / 2), []);
        assert_eq!(thread.abandon_turns(late), [RESERVED]);
        let held = thread.reservation.unwrap();
        assert_eq!((held.ahead.left(TokensPerDay), held.lost.len()), (20_000, 0));
        assert!(thread.run.unwrap().turn.is_some());
    }

    #[test]
    fn the_text_is_read_as_it_was_written() {
        let mut thread = thread();
        turns(&mut thread, 1, NOW, 21_000);
        for number in 2..=3 {
            let text = String::from(thread.reservation.clone().unwrap());
            assert_eq!(Reservation::try_from(text), Ok(thread.reservation.clone().unwrap()));
            begins(&mut thread, number, NOW, true);
            thread.run.as_mut().unwrap().turn.as_mut().unwrap().shared.tenant = number.into();
        }
        thread.begin_run(run(4), NOW);
        let held = thread.reservation.unwrap();
        assert_eq!(held.lost.iter().map(|(_, turn)| turn.shared.tenant).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(Reservation::try_from(String::from(held.clone())), Ok(held));
        for wrong in ["", "1 2 3 4", "1 2 3 4 x", "1 2 3 4 5 run_01JD0000000000000000000001", "1 2 3 4 5 r 1 2 3 4"] {
            assert!(Reservation::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
