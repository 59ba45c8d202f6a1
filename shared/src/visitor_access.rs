//! The access of visitors: their tokens stop when their chatbot's audience or origins change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    App, Error,
    domain::{At, Chatbot, ChatbotId, Identity, chatbot::ChatbotAccess, identity::VisitorAccess},
};

/// The time for which a function believes what it read of a chatbot's access.
const MAX_AGE: Duration = Duration::from_mins(5);

/// The number of chatbots from which on old entries are dropped.
const MAX_ENTRIES: usize = 1_000;

/// The access of chatbots, as this process lately read it. Clones share it.
#[derive(Clone, Default)]
pub struct AccessCache(Arc<Mutex<HashMap<(String, ChatbotId), Entry>>>);

#[derive(Clone, Copy)]
struct Entry {
    read_at: At,
    /// `None` if there was no such chatbot.
    access: Option<ChatbotAccess>,
}

impl AccessCache {
    fn get(&self, tenant: &str, chatbot: &ChatbotId, now: At) -> Option<Entry> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(&(tenant.to_owned(), chatbot.clone()))?;
        (now < entry.read_at + MAX_AGE).then_some(*entry)
    }

    fn put(&self, tenant: &str, id: &ChatbotId, access: Option<ChatbotAccess>, now: At) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), id.clone());
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, entry| now < entry.read_at + MAX_AGE);
        }
        // An entry of this chatbot is replaced in any case: it may be out of date.
        if entries.len() < MAX_ENTRIES || entries.contains_key(&key) {
            entries.insert(key, Entry { read_at: now, access });
        }
    }
}

impl App {
    /// Checks that a visitor's token still counts, by what was read of their chatbot in the last five minutes. A newer
    /// token shows that this is out of date, and the chatbot is read again: tokens are signed, so that happens once for
    /// a change. Others pass, and visitors of a deleted chatbot too: their threads go to people.
    pub async fn check_access(&self, identity: &Identity) -> Result<(), Error> {
        let Some(id) = visited(identity) else { return Ok(()) };
        let access = match self.access_cache.get(&identity.tenant, id, self.now()) {
            Some(entry) if !entry.access.is_some_and(|access| access.is_before(identity)) => entry.access,
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

    async fn chatbot_of(&self, tenant: &str, id: &ChatbotId) -> Result<Option<Chatbot>, Error> {
        let chatbot = self.store.chatbot_get(tenant, id).await?;
        self.access_cache.put(tenant, id, chatbot.as_ref().map(Chatbot::access), self.now());
        Ok(chatbot)
    }
}

/// The chatbot whose visitor the caller is. Who tries a chatbot is no visitor of its pages.
fn visited(identity: &Identity) -> Option<&ChatbotId> {
    let is_visitor = identity.is_visitor() && identity.access != Some(VisitorAccess::Trial);
    identity.chatbot.as_ref().filter(|_| is_visitor)
}
