//! Reservations: what a customer's account has counted for a thread, as the thread keeps it.

use std::iter;

use serde::{Deserialize, Serialize};

use super::{
    Budget::{self, MessagesPerMinute, TokensPerDay, TurnsPerDay, TurnsPerMinute},
    CountedAhead, Use,
};
use crate::domain::{At, RunId};

/// The budgets whose uses a thread has counted ahead, in the order of its text.
const KEPT: [Budget; 4] = [MessagesPerMinute, TurnsPerMinute, TurnsPerDay, TokensPerDay];

/// Uses that the customer's account has counted for a thread, besides the turn of its run. In the table they are one
/// text, because every turn writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Reservation {
    pub ahead: CountedAhead,
    /// The turns of runs that lost the line and have not settled yet.
    pub lost: Vec<(RunId, ReservedTurn)>,
}

/// A turn that is counted. In the table it is a text too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ReservedTurn {
    /// Whole seconds.
    pub at: At,
    /// The tokens of the customer's account; 0 where nothing limits them.
    pub tokens: u64,
    pub shared: SharedTokens,
}

/// The tokens of the chatbot's account and the tenant's. 0 where nothing limits them, or where the run's own process
/// alone knows of them: then no other goes on with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedTokens {
    pub chatbot: u64,
    pub tenant: u64,
}

impl SharedTokens {
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Uses that go back to the customer's account, of the day of `at`. Tokens that are owed are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnedUses {
    pub at: At,
    pub turns: i64,
    pub tokens: i64,
}

/// Uses that have to be counted in the customer's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedUses {
    pub uses: Vec<Use>,
    pub at: At,
    /// The account's minute is thought to have begun, which saves an attempt where it has.
    pub is_begun: bool,
    /// Some of them are counted ahead.
    pub has_ahead: bool,
}

/// The time in seconds and the uses of [`KEPT`], then of each lost turn its run and its own text.
impl From<Reservation> for String {
    fn from(Reservation { ahead, lost }: Reservation) -> Self {
        let [messages, minute_turns, turns, tokens] = KEPT.map(|budget| ahead.left(budget));
        let ahead = format!("{} {messages} {minute_turns} {turns} {tokens}", ahead.at.seconds());
        let lost = lost.into_iter().map(|(run, turn)| format!(" {run} {}", Self::from(turn)));
        iter::once(ahead).chain(lost).collect()
    }
}

impl TryFrom<String> for Reservation {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parts: Vec<_> = text.split(' ').collect();
        let read = || {
            let (uses, lost) = parts.split_at_checked(1 + KEPT.len())?;
            let mut ahead = CountedAhead { at: At::from_seconds(uses[0].parse().ok()?), ..CountedAhead::default() };
            for (budget, left) in KEPT.into_iter().zip(&uses[1..]) {
                ahead.left[budget as usize] = left.parse().ok()?;
            }
            let turn = |parts: &[&str]| {
                let (run, turn) = parts.split_first()?;
                Some((run.parse().ok()?, turn.join(" ").try_into().ok()?))
            };
            Some(Self { ahead, lost: lost.chunks(5).map(turn).collect::<Option<_>>()? })
        };
        read().ok_or_else(|| format!("`{text}` must be a time, four counts, and the turns of lost runs"))
    }
}

/// The time in seconds and the tokens: the customer's, the chatbot's, the tenant's.
impl From<ReservedTurn> for String {
    fn from(ReservedTurn { at, tokens, shared: SharedTokens { chatbot, tenant } }: ReservedTurn) -> Self {
        format!("{} {tokens} {chatbot} {tenant}", at.seconds())
    }
}

impl TryFrom<String> for ReservedTurn {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let numbers: Option<Vec<u64>> = text.split(' ').map(|number| number.parse().ok()).collect();
        let Some(&[at, tokens, chatbot, tenant]) = numbers.as_deref() else {
            return Err(format!("`{text}` must be a time and three counts of tokens"));
        };
        let at = At::from_seconds(i64::try_from(at).unwrap_or(i64::MAX));
        Ok(Self { at, tokens, shared: SharedTokens { chatbot, tenant } })
    }
}
