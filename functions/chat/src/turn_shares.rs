//! The first turn of a run, on its way: its shares of the accounts of the chatbot and the tenant, and the chatbot.

use shared::{
    App, Error, Shares, TurnBudget,
    domain::{At, Chatbot, ChatbotId, Thread},
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
    /// The dead run, from which this one takes over, has reserved them at this time.
    DeadRun(At),
    /// They are counted beside the write.
    Table,
}

impl<'a> TurnShares<'a> {
    /// The shares of a turn that begins when `before` is written.
    pub(crate) fn begin(app: &'a App, before: &'a Thread, chatbot: &'a ChatbotId, now: At) -> Self {
        let source = match before.dead_turn(now, chatbot) {
            Some((_, turn)) if turn.is_shared => Source::DeadRun(turn.at),
            _ => app.shares_at_hand(&before.tenant, chatbot).map_or(Source::Table, Source::AtHand),
        };
        Self { app, tenant: &before.tenant, chatbot, source }
    }

    /// True where the thread may name them as counted: the run that takes over from a dead one goes on with them.
    pub(crate) fn is_shared(&self) -> bool {
        match &self.source {
            Source::AtHand(shares) => !shares.is_empty(),
            Source::DeadRun(_) => true,
            Source::Table => false,
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
            Source::DeadRun(at) => {
                let chatbot = reading.await;
                let inherited = chatbot.as_ref().ok().and_then(Option::as_ref).map(|bot| app.inherited_shares(bot, at));
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
