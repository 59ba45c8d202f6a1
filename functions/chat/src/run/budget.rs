//! The budget of a turn: reserved before the model is asked, and settled by the tokens that it took.

use std::mem;

use shared::{Reservation, domain::Reason, metrics::Metric};

use super::{HandOver, Run, RunError};

impl Run {
    /// Reserves the next turn. Hands over where a budget has no room.
    pub(super) async fn reserve(&mut self) -> Result<Reservation, RunError> {
        let turn = if let Some(turn) = self.budget.take() {
            turn
        } else {
            let (tenant, chatbot_id) = (&self.thread.tenant, &self.thread.chatbot_id);
            let turn = self.app.reserve_turn(tenant, &self.thread.customer_id).await?;
            let turn = self.app.reserve_ahead(tenant, chatbot_id, turn).await?;
            match &self.chatbot {
                Ok(Some(chatbot)) => self.app.reserve_with_chatbot(turn, chatbot).await?,
                _ => turn,
            }
        };
        let mut reservation = turn.map_err(|exceeded| {
            self.app.record(Metric::OverBudget);
            tracing::warn!(thread.id = %self.thread.id, budget = exceeded.name(), "a budget of model turns is used up");
            let note =
                format!("The bot did not answer: the limit {} ({}) is used up.", exceeded.name(), exceeded.limit);
            HandOver { note: Some(note), ..HandOver::new(Reason::Budget, None) }
        })?;
        reservation.begin();
        Ok(reservation)
    }

    /// Settles a reservation by the tokens that the turn has taken so far.
    pub(super) fn settle(&self, reservation: Reservation) -> impl Future<Output = ()> + Send + use<> {
        let (app, spent) = (self.app.clone(), mem::take(&mut self.progress().spent));
        async move { app.settle(reservation, spent).await }
    }
}
