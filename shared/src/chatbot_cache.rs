//! Chatbots as a process lately read them, so that the next request need not wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{At, Chatbot, ChatbotId, budget::ChatbotLimits, chatbot::ChatbotAccess};

/// The time for which a function believes what it read of a chatbot.
const MAX_AGE: Duration = Duration::from_mins(5);

/// The number of chatbots from which on old entries are dropped.
const MAX_ENTRIES: usize = 4_096;

/// Clones share it.
#[derive(Clone, Default)]
pub struct ChatbotCache(Arc<Mutex<HashMap<(String, ChatbotId), KnownChatbot>>>);

/// The access and the limits of a chatbot, as they were read.
#[derive(Clone, Copy)]
pub(crate) struct KnownChatbot {
    pub(crate) read_at: At,
    /// `None` if there was no such chatbot.
    pub(crate) access: Option<ChatbotAccess>,
    pub(crate) limits: ChatbotLimits,
}

impl ChatbotCache {
    pub(crate) fn get(&self, tenant: &str, id: &ChatbotId) -> Option<KnownChatbot> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&(tenant.to_owned(), id.clone())).copied()
    }

    /// The same if it was read in the last five minutes.
    pub(crate) fn recent(&self, tenant: &str, id: &ChatbotId, now: At) -> Option<KnownChatbot> {
        self.get(tenant, id).filter(|known| now < known.read_at + MAX_AGE)
    }

    /// Keeps a chatbot as it is `now`. Where there is no room, what is not recent is dropped, and if that makes none,
    /// all.
    pub(crate) fn put(&self, tenant: &str, id: &ChatbotId, chatbot: Option<&Chatbot>, now: At) {
        let known = KnownChatbot {
            read_at: now,
            access: chatbot.map(Chatbot::access),
            limits: chatbot.map(|chatbot| chatbot.config.limits).unwrap_or_default(),
        };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), id.clone());
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&key) {
            entries.retain(|_, entry| now < entry.read_at + MAX_AGE);
            if entries.len() >= MAX_ENTRIES {
                entries.clear();
            }
        }
        entries.insert(key, known);
    }
}
