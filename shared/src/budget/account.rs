//! An account of a process: what it has counted at the table ahead of its use.

use crate::{
    domain::{
        At,
        budget::{Budget, Limits, Window},
    },
    store::Use,
};

/// The part of a limit that is counted ahead: so small that what a thousand functions hold is a quarter of it.
const BLOCK_SHARE: u64 = 4_096;

/// The most turns, messages and tokens that are counted ahead.
const MAX_BLOCK: u64 = 64;
const MAX_TOKEN_BLOCK: u64 = 50_000;

/// The part of a day's tokens that a process holds for its next turns, unused.
const KEPT_SHARE: u64 = 256;

/// The part of a day's tokens that a process owes, until it tells the table.
const OWED_SHARE: u64 = 4_096;

/// The part of a day's tokens that one turn reserves at most.
const MAX_TURN_SHARE: u64 = 4;

#[derive(Default)]
pub(super) struct Account {
    day: i64,
    minute: i64,
    /// The table has counts of this minute.
    is_begun: bool,
    /// Counted at the table and not used yet; of tokens it may be negative, where turns took more than they reserved.
    left: [i64; Budget::ALL.len()],
}

/// The amount of a limit that is counted ahead: nothing of a small one, or of what happens rarely.
fn block(it: &Use) -> u64 {
    match it.budget {
        Budget::TokensPerDay => (it.limit / BLOCK_SHARE).min(MAX_TOKEN_BLOCK),
        Budget::TurnsPerMinute | Budget::TurnsPerDay | Budget::MessagesPerMinute => {
            (it.limit / BLOCK_SHARE).min(MAX_BLOCK)
        }
        Budget::ThreadsPerHour | Budget::EscalationsPerHour => 0,
    }
}

/// The part of `counted` that is beyond `used`.
pub(super) fn difference(counted: &[Use], used: &[Use]) -> Vec<Use> {
    let used = |budget| used.iter().find(|it| it.budget == budget).map_or(0, |it| it.amount);
    counted.iter().map(|it| Use { amount: it.amount - used(it.budget), ..*it }).collect()
}

/// The tokens that a turn reserves: as many as it may take, `most`, but not a large part of a small limit.
pub(super) fn turn_tokens(most: u64, limits: Limits) -> u64 {
    match limits.of(Budget::TokensPerDay) {
        0 => most,
        limit => most.min((limit / MAX_TURN_SHARE).max(1)),
    }
}

impl Account {
    /// Forgets the counts of windows that have ended. An earlier time than the last one changes nothing.
    pub(super) fn advance(&mut self, now: At) {
        let [day, minute] = [Window::Day, Window::Minute].map(|window| number(window, now));
        if day > self.day {
            (self.day, self.left) = (day, [0; 6]);
            self.is_begun = false;
        }
        if minute > self.minute {
            self.minute = minute;
            self.is_begun = false;
            for budget in Budget::ALL.into_iter().filter(|budget| budget.window() != Window::Day) {
                self.left[budget as usize] = 0;
            }
        }
    }

    /// True if the budget's window is the one of `at`.
    fn is_current_of(&self, budget: Budget, at: At) -> bool {
        match budget.window() {
            Window::Day => self.day == number(Window::Day, at),
            Window::Minute | Window::Hour => self.minute == number(Window::Minute, at),
        }
    }

    /// Adds to what is left, unless the window of `at` is over.
    pub(super) fn add(&mut self, budget: Budget, amount: i64, at: At) {
        if self.is_current_of(budget, at) {
            self.left[budget as usize] += amount;
        }
    }

    /// True in the minute of its last use.
    pub(super) fn is_current(&self, now: At) -> bool {
        self.minute == number(Window::Minute, now)
    }

    pub(super) const fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Takes the uses from what is left; returns what has to be counted at the table. Tokens are taken as far as they
    /// go, and a debt of them is counted too.
    pub(super) fn take(&mut self, uses: &[Use]) -> Vec<Use> {
        let mut short = Vec::new();
        for it in uses {
            let left = &mut self.left[it.budget as usize];
            let missing = u64::try_from(signed(it.amount) - *left).unwrap_or(0);
            if missing == 0 {
                *left -= signed(it.amount);
            } else if it.budget == Budget::TokensPerDay {
                *left = 0;
                short.push(Use { amount: missing, ..*it });
            } else {
                short.push(*it);
            }
        }
        short
    }

    /// The uses that have to be counted, and with them what is counted ahead: of these, and of what else runs low, so
    /// that it does not need a call of its own soon.
    pub(super) fn ahead(&self, uses: &[Use], short: &[Use]) -> Vec<Use> {
        let counted = |it: &Use| {
            let missing = short.iter().find(|other| other.budget == it.budget).map_or(0, |other| other.amount);
            let left = u64::try_from(self.left[it.budget as usize]).unwrap_or(0);
            let spare = block(it).saturating_sub(left);
            let runs_low = missing > 0 || spare > block(it) / 2;
            Use { amount: missing + if runs_low { spare } else { 0 }, ..*it }
        };
        uses.iter().map(counted).filter(|it| it.amount > 0).collect()
    }

    /// Gives back what [`Self::take`] took at `at` for `uses`, of which it returned `short`.
    pub(super) fn put_back(&mut self, uses: &[Use], short: &[Use], at: At) {
        for it in uses {
            let missing = short.iter().find(|other| other.budget == it.budget).map_or(0, |other| other.amount);
            self.add(it.budget, signed(it.amount) - signed(missing), at);
        }
    }

    /// Keeps what the table has counted at `at` and is not used.
    pub(super) fn keep(&mut self, spare: &[Use], at: At) {
        self.is_begun |= self.minute == number(Window::Minute, at);
        for it in spare {
            self.add(it.budget, signed(it.amount), at);
        }
    }

    /// Takes uses back that were counted at `at` and did not happen, if no more is held than may be.
    pub(super) fn hold(&mut self, uses: &[Use], at: At) -> bool {
        let has_room = |it: &Use| {
            let held = if it.budget == Budget::TokensPerDay { it.limit / KEPT_SHARE } else { block(it) };
            self.left[it.budget as usize] + signed(it.amount) <= signed(held)
        };
        let is_held = uses.iter().all(has_room);
        if is_held {
            self.put_back(uses, &[], at);
        }
        is_held
    }

    /// Takes back a turn that was counted at `at` and did not happen.
    pub(super) fn give_back(&mut self, tokens: u64, at: At, limits: Limits) {
        let turn = [(Budget::TurnsPerMinute, 1), (Budget::TurnsPerDay, 1), (Budget::TokensPerDay, tokens)];
        for (budget, amount) in turn.into_iter().filter(|(budget, _)| limits.of(*budget) > 0) {
            self.add(budget, signed(amount), at);
        }
    }

    /// Corrects the tokens that were reserved at `at` to those that were taken. Returns the tokens that the table is to
    /// be told of, as the table counts: the difference is kept while it is small.
    pub(super) fn settle(&mut self, reserved: u64, taken: u64, at: At, limits: Limits) -> Option<i64> {
        if self.day != number(Window::Day, at) {
            return None;
        }
        let left = &mut self.left[Budget::TokensPerDay as usize];
        *left += signed(reserved) - signed(taken);
        let limit = limits.of(Budget::TokensPerDay);
        let (kept, owed) = (signed(limit / KEPT_SHARE), signed(limit / OWED_SHARE));
        if (-owed..=kept).contains(left) {
            return None;
        }
        // Half of what may be kept stays, so that the next turn does not ask for it again.
        let stays = if *left > 0 { kept / 2 } else { 0 };
        Some(stays - std::mem::replace(left, stays))
    }
}

pub(super) fn number(window: Window, at: At) -> i64 {
    at.seconds().div_euclid(window.seconds())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 3_000_000;

    fn tokens(amount: u64) -> Use {
        Use { budget: Budget::TokensPerDay, amount, limit: LIMIT }
    }

    /// Turns of one process, each with what it asks the table to count before it, and to correct after it.
    fn turns(taken: &[u64]) -> Vec<(u64, Option<i64>)> {
        let (mut account, at) = (Account::default(), At::from_millis(0));
        account.advance(at);
        let limits = Limits::default().with(Budget::TokensPerDay, LIMIT);
        let turn = |taken: &u64| {
            let asked = account.take(&[tokens(20_000)]).first().map_or(0, |short| short.amount);
            (asked, account.settle(20_000, *taken, at, limits))
        };
        taken.iter().map(turn).collect()
    }

    #[test]
    fn a_turn_asks_for_what_the_last_one_took_and_corrects_only_what_is_large() {
        // A 256th of the limit is 11,718: as much may be held, and where it is more, half of that.
        assert_eq!(turns(&[9_000, 10_000, 10_000]), [(20_000, None), (9_000, None), (10_000, None)]);
        assert_eq!(turns(&[2_000, 9_000]), [(20_000, Some(-12_141)), (14_141, None)]);
        // A 4,096th is 732: a small debt is asked for with the next turn, a larger one told at once.
        assert_eq!(turns(&[20_700, 10_000]), [(20_000, None), (20_700, None)]);
        assert_eq!(turns(&[70_000, 10_000]), [(20_000, Some(50_000)), (20_000, None)]);
    }

    fn day_turns(amount: u64, limit: u64) -> Use {
        Use { budget: Budget::TurnsPerDay, amount, limit }
    }

    #[test]
    fn what_was_taken_for_a_use_that_is_refused_is_put_back() {
        let at = At::from_millis(0);
        for left in [15_000, -300] {
            let mut account = Account::default();
            account.add(Budget::TokensPerDay, left, at);
            account.add(Budget::TurnsPerDay, 1, at);
            let before = account.left;
            let uses = [day_turns(1, 10_000), tokens(20_000)];
            let short = account.take(&uses);
            assert_eq!(short, [tokens(u64::try_from(20_000 - left).unwrap())]);
            assert_ne!(account.left, before);
            account.put_back(&uses, &short, at);
            assert_eq!(account.left, before);
        }
    }

    #[test]
    fn what_runs_low_is_counted_ahead_in_the_same_call() {
        let (mut account, limit) = (Account::default(), 4_096 * 40);
        let uses = [day_turns(1, limit), tokens(20_000)];
        let short = account.take(&uses);
        let ahead = account.ahead(&uses, &short);
        assert_eq!(ahead, [day_turns(41, limit), tokens(20_732)]);
        account.keep(&difference(&ahead, &short), At::from_millis(0));
        account.left[Budget::TurnsPerDay as usize] = 19;
        // Tokens are short, turns run low.
        let short = account.take(&uses);
        assert_eq!(short, [tokens(19_268)]);
        let ahead = account.ahead(&uses, &short);
        assert_eq!(ahead, [day_turns(22, limit), tokens(20_000)]);
        assert_eq!(difference(&ahead, &short), [day_turns(22, limit), tokens(732)]);
        account.left[Budget::TurnsPerDay as usize] = 30;
        let short = account.take(&uses);
        assert_eq!(account.ahead(&uses, &short), [tokens(20_732)]);
    }

    #[test]
    fn what_comes_late_counts_in_its_own_window_only() {
        let (mut account, late, now) = (Account::default(), At::from_seconds(59), At::from_seconds(86_400));
        account.advance(late);
        let turns = |budget| Use { budget, amount: 5, limit: 100_000 };
        let all = [turns(Budget::TurnsPerMinute), turns(Budget::TurnsPerDay), tokens(900)];
        account.keep(&all, late);
        assert!(account.is_begun() && account.left != [0; 6]);
        account.advance(now);
        assert_eq!(account.left, [0; 6]);
        account.keep(&all, late);
        account.put_back(&all, &[], late);
        account.advance(late);
        assert_eq!((account.left, account.is_begun(), account.minute), ([0; 6], false, 1440));
    }
}
