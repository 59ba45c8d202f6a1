//! An account as a process knows it: what it has counted at the table ahead of its use.

use crate::domain::{
    At,
    budget::{Budget, CountedAhead, Limits, Use, Window},
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
    /// Counted at the table and not used yet.
    ahead: CountedAhead,
    /// The table has counts of this minute.
    is_begun: bool,
    /// The table had no room for a message of this minute.
    is_full: bool,
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
        let is_same_minute = self.ahead.is_of(Window::Minute, now);
        self.ahead.advance(now);
        if !is_same_minute && self.ahead.is_of(Window::Minute, now) {
            (self.is_begun, self.is_full) = (false, false);
        }
    }

    /// True in the minute of its last use.
    pub(super) fn is_current(&self, now: At) -> bool {
        self.ahead.is_of(Window::Minute, now)
    }

    pub(super) const fn is_begun(&self) -> bool {
        self.is_begun
    }

    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn fill(&mut self, at: At) {
        self.is_full |= self.is_current(at);
    }

    pub(super) const fn tokens_ahead(&self) -> i64 {
        self.ahead.left(Budget::TokensPerDay)
    }

    /// Takes the uses from what is left; returns what has to be counted at the table.
    pub(super) fn take(&mut self, uses: &[Use]) -> Vec<Use> {
        self.ahead.take(uses)
    }

    /// The uses that have to be counted, and with them what is counted ahead.
    pub(super) fn ahead(&self, uses: &[Use], short: &[Use]) -> Vec<Use> {
        self.ahead.with_ahead(uses, short, block)
    }

    /// Gives back what [`Self::take`] took at `at` for `uses`, of which it returned `short`.
    pub(super) fn put_back(&mut self, uses: &[Use], short: &[Use], at: At) {
        self.ahead.put_back(uses, short, at);
    }

    /// Keeps what the table has counted at `at` and is not used.
    pub(super) fn keep(&mut self, spare: &[Use], at: At) {
        self.is_begun |= self.is_current(at);
        self.ahead.keep(spare, at);
    }

    pub(super) fn add(&mut self, budget: Budget, amount: i64, at: At) {
        self.ahead.add(budget, amount, at);
    }

    /// Takes back a turn that was counted at `at` and did not happen.
    pub(super) fn give_back(&mut self, tokens: u64, at: At, limits: Limits) {
        let turn = [(Budget::TurnsPerMinute, 1), (Budget::TurnsPerDay, 1), (Budget::TokensPerDay, tokens)];
        for (budget, amount) in turn.into_iter().filter(|(budget, _)| limits.of(*budget) > 0) {
            self.ahead.add(budget, signed(amount), at);
        }
    }

    /// Corrects the tokens that were reserved at `at` to those that were taken. Returns the tokens that the table is to
    /// be told of, as the table counts: the difference is kept while it is small.
    pub(super) fn settle(&mut self, reserved: u64, taken: u64, at: At, limits: Limits) -> Option<i64> {
        if !self.ahead.is_of(Window::Day, at) {
            return None;
        }
        self.ahead.add(Budget::TokensPerDay, signed(reserved) - signed(taken), at);
        let left = self.ahead.left(Budget::TokensPerDay);
        let limit = limits.of(Budget::TokensPerDay);
        let (kept, owed) = (signed(limit / KEPT_SHARE), signed(limit / OWED_SHARE));
        if (-owed..=kept).contains(&left) {
            return None;
        }
        // Half of what may be kept stays, so that the next turn does not ask for it again.
        let stays = if left > 0 { kept / 2 } else { 0 };
        self.ahead.add(Budget::TokensPerDay, stays - left, at);
        Some(stays - left)
    }
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

    #[test]
    fn what_comes_late_counts_in_its_own_window_only() {
        let (mut account, late, now) = (Account::default(), At::from_seconds(59), At::from_seconds(86_400));
        account.advance(late);
        account.keep(&[], late);
        account.fill(late);
        assert!(account.is_begun() && account.is_full());
        account.advance(now);
        assert!(!account.is_begun() && !account.is_full());
        account.keep(&[], late);
        account.fill(late);
        account.advance(late);
        assert!(!account.is_begun() && !account.is_full());
    }
}
