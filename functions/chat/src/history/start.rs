//! The first message of the log that a `local` request carries.
//!
//! Servers cache the front of a prompt, and cached input costs a tenth. A start that moved on with each message would
//! change the front at every turn, so it moves in steps and stays where it is in between. It is computed from the
//! places in the log alone, without any state.

use shared::store::LogEntry;

use super::token_budget::{self, TokenBudget};

/// The messages that a request carries at least, if there are as many and they fit.
const LEAST: u64 = 32;

/// The messages of a step. A longer one would change the front more rarely, but costs reading and sending more of them.
const STEP: u64 = 16;

/// The most messages that a request carries.
pub(super) const MOST: u64 = LEAST + STEP - 1;

/// The `seq` after which a request's log begins at the earliest.
pub(super) const fn earliest(seq: u64) -> u64 {
    seq.saturating_sub(LEAST) / STEP * STEP
}

/// The first `seq` to send of these entries, newest first, which fit into the budget. They are all sent if they reach
/// back to `after`. Else the log begins at a step, the longest one that leaves at least half of the budget in use.
pub(super) fn steady(entries: &[LogEntry], after: u64, budget: &TokenBudget) -> u64 {
    let Some(oldest) = entries.last().map(|oldest| oldest.seq).filter(|oldest| *oldest > after + 1) else {
        return after + 1;
    };
    let tokens_from =
        |start: u64| -> usize { entries.iter().take_while(|entry| entry.seq >= start).map(token_budget::tokens).sum() };
    let steps = (1..=STEP.ilog2()).rev().map(|power| 1_u64 << power);
    let mut starts = steps.map(|step| (oldest - 1).div_ceil(step) * step + 1);
    starts.find(|start| tokens_from(*start) * 2 >= budget.left()).unwrap_or(oldest)
}

#[cfg(test)]
mod tests {
    use shared::domain::message::Role;

    use super::*;

    /// The start at each turn of a thread whose messages have this many characters.
    fn starts(chars: usize, budget: &TokenBudget) -> Vec<u64> {
        let entry = |seq| LogEntry {
            seq,
            role: Role::Customer,
            text: "x".repeat(chars),
            answers: None,
            event: None,
            origin: None,
        };
        let start = |seq: u64| {
            let after = earliest(seq);
            let (mut entries, mut left) = (Vec::new(), budget.left());
            for entry in (after + 1..=seq).rev().map(entry) {
                let Some(rest) = left.checked_sub(token_budget::tokens(&entry)) else { break };
                left = rest;
                entries.push(entry);
            }
            let start = steady(&entries, after, budget);
            let sent = seq - start + 1;
            // All that may go along, or half of what fits into the budget.
            assert!(sent >= LEAST.min(seq) || sent * 2 >= entries.len() as u64, "{sent} of {}", entries.len());
            start
        };
        (1..=400).step_by(2).map(start).collect()
    }

    #[test]
    fn the_start_moves_in_steps() {
        for (chars, least) in [(10, 7), (1_000, 7), (2_000, 4), (4_000, 2)] {
            let starts = starts(chars, &TokenBudget::new(12_000));
            let moves = starts.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert!(starts.windows(2).all(|pair| pair[0] <= pair[1]), "{chars}: {starts:?}");
            assert!(starts.len() / (moves + 1) >= least, "{chars} characters: {moves} moves in {} turns", starts.len());
        }
    }
}
