//! Uses that the table has counted ahead of their time.

use super::{Budget, Use, Window};
use crate::domain::At;

/// Uses that are counted and not made yet. Those of a window are void once it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedAhead {
    /// The time of the last use.
    pub(super) at: At,
    /// Of tokens it may be negative, where turns took more than they reserved.
    pub(super) left: [i64; Budget::ALL.len()],
}

impl Default for CountedAhead {
    fn default() -> Self {
        Self { at: At::from_millis(0), left: [0; Budget::ALL.len()] }
    }
}

/// The part of `counted` that is beyond `used`.
pub fn difference(counted: &[Use], used: &[Use]) -> Vec<Use> {
    counted.iter().map(|it| Use { amount: it.amount - amount_of(used, it.budget), ..*it }).collect()
}

fn amount_of(uses: &[Use], budget: Budget) -> u64 {
    uses.iter().find(|it| it.budget == budget).map_or(0, |it| it.amount)
}

impl CountedAhead {
    /// True if the window of the last use is the one of `at`.
    pub fn is_of(&self, window: Window, at: At) -> bool {
        window.number(self.at) == window.number(at)
    }

    /// Forgets the counts of windows that have ended. An earlier time than the last one changes nothing.
    pub fn advance(&mut self, now: At) {
        for budget in Budget::ALL.into_iter().filter(|it| it.window().number(now) > it.window().number(self.at)) {
            self.left[budget as usize] = 0;
        }
        self.at = self.at.max(now);
    }

    /// The same with nothing left.
    #[must_use]
    pub fn used_up(self) -> Self {
        Self { at: self.at, ..Self::default() }
    }

    /// The time of the last use.
    pub const fn at(&self) -> At {
        self.at
    }

    pub const fn left(&self, budget: Budget) -> i64 {
        self.left[budget as usize]
    }

    /// Adds to what is left, unless the window of `at` is over.
    pub fn add(&mut self, budget: Budget, amount: i64, at: At) {
        if self.is_of(budget.window(), at) {
            self.left[budget as usize] += amount;
        }
    }

    /// Takes all that is left of a budget, debts too.
    pub fn take_all(&mut self, budget: Budget) -> i64 {
        std::mem::take(&mut self.left[budget as usize])
    }

    /// Takes uses from what is left; returns what has to be counted at the table. Tokens are taken as far as they go,
    /// and a debt of them is counted too.
    pub fn take(&mut self, uses: &[Use]) -> Vec<Use> {
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

    /// The uses that have to be counted, and with them what is counted ahead, up to a `block` of each: of these, and of
    /// what else runs low, so that it does not need a call of its own soon.
    pub fn with_ahead(&self, uses: &[Use], short: &[Use], block: impl Fn(&Use) -> u64) -> Vec<Use> {
        let counted = |it: &Use| {
            let missing = amount_of(short, it.budget);
            let left = u64::try_from(self.left(it.budget)).unwrap_or(0);
            let spare = block(it).saturating_sub(left);
            let runs_low = missing > 0 || spare > block(it) / 2;
            Use { amount: missing + if runs_low { spare } else { 0 }, ..*it }
        };
        uses.iter().map(counted).filter(|it| it.amount > 0).collect()
    }

    /// Gives back what [`Self::take`] took at `at` for `uses`, of which it returned `short`.
    pub fn put_back(&mut self, uses: &[Use], short: &[Use], at: At) {
        for it in uses {
            self.add(it.budget, signed(it.amount) - signed(amount_of(short, it.budget)), at);
        }
    }

    /// Keeps what the table has counted at `at` and is not used.
    pub fn keep(&mut self, spare: &[Use], at: At) {
        for it in spare {
            self.add(it.budget, signed(it.amount), at);
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: At = At::from_millis(0);

    fn tokens(amount: u64) -> Use {
        Use { budget: Budget::TokensPerDay, amount, limit: 3_000_000 }
    }

    fn turns(amount: u64) -> Use {
        Use { budget: Budget::TurnsPerDay, amount, limit: 10_000 }
    }

    fn block(it: &Use) -> u64 {
        if it.budget == Budget::TokensPerDay { 732 } else { 40 }
    }

    #[test]
    fn what_was_taken_for_a_use_that_is_refused_is_put_back() {
        for left in [15_000, -300] {
            let mut ahead = CountedAhead::default();
            ahead.add(Budget::TokensPerDay, left, NOW);
            ahead.add(Budget::TurnsPerDay, 1, NOW);
            let before = ahead;
            let uses = [turns(1), tokens(20_000)];
            let short = ahead.take(&uses);
            assert_eq!(short, [tokens(u64::try_from(20_000 - left).unwrap())]);
            assert_ne!(ahead, before);
            ahead.put_back(&uses, &short, NOW);
            assert_eq!(ahead, before);
        }
    }

    #[test]
    fn what_runs_low_is_counted_ahead_in_the_same_call() {
        let mut ahead = CountedAhead::default();
        let uses = [turns(1), tokens(20_000)];
        let short = ahead.take(&uses);
        let counted = ahead.with_ahead(&uses, &short, block);
        assert_eq!(counted, [turns(41), tokens(20_732)]);
        ahead.keep(&difference(&counted, &short), NOW);
        ahead.left[Budget::TurnsPerDay as usize] = 19;
        // Tokens are short, turns run low.
        let short = ahead.take(&uses);
        assert_eq!(short, [tokens(19_268)]);
        let counted = ahead.with_ahead(&uses, &short, block);
        assert_eq!(counted, [turns(22), tokens(20_000)]);
        assert_eq!(difference(&counted, &short), [turns(22), tokens(732)]);
        ahead.left[Budget::TurnsPerDay as usize] = 30;
        let short = ahead.take(&uses);
        assert_eq!(ahead.with_ahead(&uses, &short, block), [tokens(20_732)]);
    }

    #[test]
    fn what_comes_late_counts_in_its_own_window_only() {
        let (mut ahead, late, now) = (CountedAhead::default(), At::from_seconds(59), At::from_seconds(86_400));
        ahead.advance(late);
        let of_minute = Use { budget: Budget::TurnsPerMinute, ..turns(5) };
        let all = [of_minute, turns(5), tokens(900)];
        ahead.keep(&all, late);
        assert_ne!(ahead.left, [0; 6]);
        ahead.advance(now);
        assert_eq!(ahead.left, [0; 6]);
        ahead.keep(&all, late);
        ahead.put_back(&all, &[], late);
        ahead.advance(late);
        assert_eq!((ahead.left, ahead.at), ([0; 6], now));
    }
}
