//! The first turn of a run, on its way: its shares of the accounts of the chatbot and the tenant, and the chatbot.

use shared::{
    App, Error, Shares, TurnBudget,
    domain::{
        At, Chatbot, ChatbotId, Thread,
        budget::{ReservedTurn, SharedTokens},
    },
};

/// A turn whose shares are counted before its thread is written, if that takes no call.
pub(crate) struct TurnShares<'a> {
    app: &'a App,
    tenant: &'a str,
    chatbot: &'a ChatbotId,
    source: Source,
}

enum Source {
    /// This process has counted them ahead.
    AtHand(Shares),
    /// A dead run has reserved them, from which this one takes over.
    DeadRun(ReservedTurn),
    /// They are counted beside the write.
    Table,
}

impl<'a> TurnShares<'a> {
    /// The shares of a turn that begins with a write over `before`.
    pub(crate) fn begin(app: &'a App, before: &'a Thread, chatbot: &'a ChatbotId, now: At) -> Self {
        let source = match before.dead_turn(now, chatbot) {
            Some((_, turn)) if !turn.shared.is_none() => Source::DeadRun(turn),
            _ => app.shares_at_hand(&before.tenant, chatbot).map_or(Source::Table, Source::AtHand),
        };
        Self { app, tenant: &before.tenant, chatbot, source }
    }

    /// The tokens that the thread may name as counted: the run that takes over from a dead one goes on with them.
    pub(crate) fn tokens(&self) -> SharedTokens {
        match &self.source {
            Source::AtHand(shares) => shares.tokens(),
            Source::DeadRun(turn) => turn.shared,
            Source::Table => SharedTokens::default(),
        }
    }

    /// Reads the chatbot, unless it is `read`, and counts what is not counted yet. An error is the chatbot's:
    /// the run then hands over, as it does without one.
    pub(crate) async fn reserve(self, read: Option<Chatbot>) -> (Result<Option<Chatbot>, Error>, TurnBudget) {
        let Self { app, tenant, chatbot: id, source } = self;
        let reading = async {
            if let Some(read) = read.filter(|read| read.id == *id) {
                return Ok(Some(read));
            }
            let chatbot = app.store.chatbot_get(tenant, id).await?;
            app.learn(tenant, id, chatbot.as_ref());
            Ok::<_, Error>(chatbot)
        };
        match source {
            Source::AtHand(shares) => (reading.await, Ok(shares)),
            Source::DeadRun(turn) => {
                let chatbot = reading.await;
                let inherited =
                    chatbot.as_ref().ok().and_then(Option::as_ref).map(|bot| app.inherited_shares(bot, &turn));
                (chatbot, Ok(inherited.unwrap_or_default()))
            }
            Source::Table => {
                // At the same time, by the limits as they were: these change rarely.
                let (chatbot, shares) = tokio::join!(reading, app.reserve_ahead(tenant, id));
                let reserved = async {
                    let (chatbot, shares) = (chatbot?, shares?);
                    let Some(chatbot) = chatbot else { return Ok((None, shares)) };
                    let shares = app.reserve_with_chatbot(shares, &chatbot).await?;
                    Ok((Some(chatbot), shares))
                };
                match reserved.await {
                    Ok((chatbot, shares)) => (Ok(chatbot), shares),
                    Err(error) => (Err(error), Ok(Shares::default())),
                }
            }
        }
    }
}
