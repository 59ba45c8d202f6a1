//! The access of visitors: their tokens stop when their chatbot's audience or origins change.

use crate::{
    App, Error,
    domain::{Chatbot, ChatbotId, Identity, identity::VisitorAccess},
};

impl App {
    /// Checks that a visitor's token still counts, by what was read of their chatbot in the last five minutes. A newer
    /// token shows that this is out of date, and the chatbot is read again: tokens are signed, so that happens once for
    /// a change. Others pass, and visitors of a deleted chatbot too: their threads go to people.
    pub async fn check_access(&self, identity: &Identity) -> Result<(), Error> {
        let Some(id) = visited(identity) else { return Ok(()) };
        let known = self.chatbot_cache.recent(&identity.tenant, id, self.now());
        let access = match known {
            Some(known) if !known.access.is_some_and(|access| access.is_before(identity)) => known.access,
            _ => self.chatbot_of(&identity.tenant, id).await?.as_ref().map(Chatbot::access),
        };
        access.map_or(Ok(()), |access| access.admits(identity))
    }

    /// The visitor's chatbot, read now, after the same check; `None` for others.
    pub async fn visited_chatbot(&self, identity: &Identity) -> Result<Option<Chatbot>, Error> {
        let Some(id) = visited(identity) else { return Ok(None) };
        let chatbot = self.chatbot_of(&identity.tenant, id).await?;
        if let Some(chatbot) = &chatbot {
            chatbot.admits(identity)?;
        }
        Ok(chatbot)
    }

    /// Reads a chatbot, and keeps what it says.
    pub(crate) async fn chatbot_of(&self, tenant: &str, id: &ChatbotId) -> Result<Option<Chatbot>, Error> {
        let chatbot = self.store.chatbot_get(tenant, id).await?;
        self.learn(tenant, id, chatbot.as_ref());
        Ok(chatbot)
    }

    /// Keeps what was read of a chatbot a moment ago.
    pub fn learn(&self, tenant: &str, id: &ChatbotId, chatbot: Option<&Chatbot>) {
        self.chatbot_cache.put(tenant, id, chatbot, self.now());
    }
}

/// The chatbot whose visitor the caller is. Who tries a chatbot is no visitor of its pages.
fn visited(identity: &Identity) -> Option<&ChatbotId> {
    let is_visitor = identity.is_visitor() && identity.access != Some(VisitorAccess::Trial);
    identity.chatbot.as_ref().filter(|_| is_visitor)
}
