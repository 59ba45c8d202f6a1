//! A customer's use of their budgets, on its way into a commit.

use super::{account, shares::AccountId};
use crate::{
    App, Error,
    domain::{
        At, Thread,
        budget::{
            Budget::{self, MessagesPerMinute, TokensPerDay, TurnsPerDay, TurnsPerMinute},
            Exceeded, Limits, ReservedTurn, SharedTokens, Side,
        },
    },
    metrics::Metric,
    store::Commit,
};

/// A customer's message, a turn of the bot, or both. It is counted in the transaction that writes it, as far as the
/// thread has not counted it ahead.
///
/// A commit that has no room for it is refused whole, and made again with less of it: without what is counted ahead,
/// then without the turn, which a person takes over. A message without room is an error.
pub struct CustomerUse<'a> {
    app: &'a App,
    id: AccountId,
    side: Side,
    limits: Limits,
    at: At,
    is_message: bool,
    /// With a turn, of which the accounts of the chatbot and the tenant have counted so much.
    turn: Option<SharedTokens>,
    is_exact: bool,
    /// The last commit counts more than it uses.
    has_ahead: bool,
    exceeded: Option<Exceeded>,
}

impl<'a> CustomerUse<'a> {
    /// No use yet, of the customer whose thread it is.
    pub fn of(app: &'a App, thread: &Thread, at: At) -> Self {
        let side = Side::of_customer(&thread.customer_id);
        Self {
            app,
            id: AccountId::of_customer(&thread.tenant, &thread.customer_id),
            side,
            limits: app.budgets.settings.of(side),
            at,
            is_message: false,
            turn: None,
            is_exact: false,
            has_ahead: false,
            exceeded: None,
        }
    }

    /// With a message.
    #[must_use]
    pub fn message(self) -> Self {
        Self { is_message: true, ..self }
    }

    /// With a turn of the run that the commit begins or has. `shared`: what the accounts of the chatbot and the tenant
    /// have counted for it.
    #[must_use]
    pub fn turn(self, shared: SharedTokens) -> Self {
        Self { turn: Some(shared), ..self }
    }

    /// Counts the use in a commit over `before`.
    pub fn count_in(&mut self, commit: &mut Commit, before: &Thread) {
        let turn = self.turn.filter(|_| self.exceeded.is_none());
        let dead = before.dead_turn(self.at, &commit.thread.chatbot_id);
        let tokens = account::turn_tokens(self.app.max_turn_tokens(), self.limits);
        let mut uses = self.limits.uses(&[(MessagesPerMinute, u64::from(self.is_message))]);
        let of_turn = self.limits.uses(&[(TurnsPerMinute, 1), (TurnsPerDay, 1), (TokensPerDay, tokens)]);
        if turn.is_some() && dead.is_none() {
            uses.extend(&of_turn);
        }
        commit.counted = commit.thread.use_reserved(&uses, self.at, self.is_exact);
        self.has_ahead = commit.counted.as_ref().is_some_and(|counted| counted.has_ahead);
        match (turn, dead) {
            (Some(shared), Some((dead, turn))) => {
                commit.thread.reserve_turn(ReservedTurn { shared, ..turn }, Some(dead));
            }
            (Some(shared), None) if !shared.is_none() || !of_turn.is_empty() => {
                let tokens = if self.limits.of(TokensPerDay) > 0 { tokens } else { 0 };
                commit.thread.reserve_turn(ReservedTurn { at: self.at, tokens, shared }, None);
            }
            _ => {}
        }
    }

    /// Prepares the next commit, after one that a budget had no room for. [`Error::OverBudget`] where there is none
    /// without the message.
    pub fn refused(&mut self, budget: Budget) -> Result<(), Error> {
        if self.has_ahead && !self.is_exact {
            self.is_exact = true;
            return Ok(());
        }
        let exceeded = Exceeded::of(self.side, budget, self.limits, self.at);
        if self.turn.is_some() && self.exceeded.is_none() && budget != MessagesPerMinute {
            self.exceeded = Some(exceeded);
            return Ok(());
        }
        self.app.budgets.with(&self.id, self.at, |account| account.fill(self.at));
        self.app.record(Metric::OverBudget);
        Err(exceeded.error())
    }

    /// The budget that has no room for the turn.
    pub const fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded
    }
}
