//! The budget of a turn: reserved before the model is asked, and settled by the tokens that it took.
//!
//! The customer's part is in the thread, and settled by the write that ends the turn. The shares of the chatbot and the
//! tenant are settled after it, so that a turn that ends unwritten is settled by the run that takes over.

use std::mem;

use shared::{
    CustomerUse, Shares, TurnBudget,
    domain::{Reason, Thread, Usage, budget::Exceeded},
    metrics::Metric,
    retry_on_conflict,
    store::{Commit, Committed},
};

use super::{HandOver, Run, RunError};

/// The tokens that a turn has taken.
#[derive(Clone, Copy)]
pub(super) enum Spent {
    /// No answer has begun.
    Nothing,
    /// One has, and the server has not said how many.
    Uncounted,
    Tokens(Usage),
}

impl Run {
    /// Begins the next turn. Hands over where a budget has no room for it.
    pub(super) async fn begin_turn(&mut self) -> Result<(), RunError> {
        self.progress().spent = Spent::Nothing;
        let budget = match self.budget.take() {
            Some(budget) => budget,
            None => self.reserve().await?,
        };
        self.shares = budget.map_err(|exceeded| self.over_budget(exceeded))?;
        Ok(())
    }

    /// Reserves a turn after the first.
    async fn reserve(&mut self) -> Result<TurnBudget, RunError> {
        let (app, tenant, chatbot_id) = (self.app.clone(), self.thread.tenant.clone(), self.thread.chatbot_id.clone());
        let at_hand = app.shares_at_hand(&tenant, &chatbot_id);
        let tokens = at_hand.as_ref().map(Shares::tokens).unwrap_or_default();
        let mut counted = CustomerUse::of(&app, &self.thread, app.now()).turn(tokens);
        loop {
            let mut count = |thread: Thread| {
                let mut commit = Commit::new(thread.clone());
                counted.count_in(&mut commit, &thread);
                commit
            };
            if count(self.thread.clone()).thread == self.thread {
                // Nothing limits the customer.
                break;
            }
            match self.save_counted(count).await? {
                Ok(Some(_)) => break,
                Ok(None) => {
                    app.put_back(at_hand.unwrap_or_default());
                    return Err(RunError::Lost);
                }
                Err(budget) => counted.refused(budget)?,
            }
            if let Some(exceeded) = counted.exceeded() {
                app.put_back(at_hand.unwrap_or_default());
                return Ok(Err(exceeded));
            }
        }
        if let Some(shares) = at_hand {
            return Ok(Ok(shares));
        }
        let shares = app.reserve_ahead(&tenant, &chatbot_id).await?;
        Ok(match &self.chatbot {
            Ok(Some(chatbot)) => app.reserve_with_chatbot(shares, chatbot).await?,
            _ => shares,
        })
    }

    fn over_budget(&self, exceeded: Exceeded) -> HandOver {
        self.app.record(Metric::OverBudget);
        tracing::warn!(thread.id = %self.thread.id, budget = exceeded.name(), "a budget of model turns is used up");
        let note = format!("The bot did not answer: the limit {} ({}) is used up.", exceeded.name(), exceeded.limit);
        HandOver { note: Some(note), ..HandOver::new(Reason::Budget, None) }
    }

    /// Notes that the model has begun an answer: it takes tokens from now on.
    pub(super) fn note_answer(&self) {
        let mut progress = self.progress();
        if matches!(progress.spent, Spent::Nothing) {
            progress.spent = Spent::Uncounted;
        }
    }

    /// The tokens of the turn so far; `None` where they are not known.
    pub(super) fn taken(&self) -> Option<u64> {
        match self.progress().spent {
            Spent::Nothing => Some(0),
            Spent::Uncounted => None,
            Spent::Tokens(usage) => Some(usage.input.saturating_add(usage.output)),
        }
    }

    /// Settles the shares of a turn that ended with its write.
    pub(super) fn settle_shares(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let (app, shares, taken) = (self.app.clone(), mem::take(&mut self.shares), self.taken());
        async move { app.settle(shares, taken).await }
    }

    /// Settles a turn that lost the line, by the thread as it is `now`: unless another run has taken the turn over.
    /// A failure is logged only: the sweep gives the turn back.
    pub(super) async fn settle_lost(&mut self, now: Option<&Thread>) {
        let (app, run, taken) = (self.app.clone(), self.id.clone(), self.taken());
        if self.thread.reserved_turn(&run).is_none_or(|turn| turn.shared.is_none()) {
            // Nobody takes over shares that the thread does not name.
            self.settle_shares().await;
        }
        let Some(now) = now.filter(|now| now.reserved_turn(&run).is_some()) else { return };
        let settling = retry_on_conflict(|| async {
            let Some(before) = app.store.thread_get_bare(&now.tenant, &now.id).await? else { return Ok(Some(false)) };
            let mut commit = Commit::new(before.clone());
            if commit.thread.settle(&run, taken).is_none() {
                return Ok(Some(false));
            }
            let committed = app.store.thread_commit(&before, commit).await?;
            Ok(matches!(committed, Committed::Done(_)).then_some(true))
        });
        match settling.await {
            Ok(true) => self.settle_shares().await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a lost turn could not be settled; the sweep gives it back"),
        }
    }
}
