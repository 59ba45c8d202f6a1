//! Chatbots as a process lately read them, so that the next request need not wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{At, Chatbot, ChatbotId, budget::ChatbotLimits, chatbot::ChatbotAccess};

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

    /// Keeps a chatbot as it is `now`. Where there is no room, what was not read for `max_age` is dropped, and if that
    /// makes none, all.
    pub(crate) fn put(&self, tenant: &str, id: &ChatbotId, chatbot: Option<&Chatbot>, now: At, max_age: Duration) {
        let known = KnownChatbot {
            read_at: now,
            access: chatbot.map(Chatbot::access),
            limits: chatbot.map(|chatbot| chatbot.config.limits).unwrap_or_default(),
        };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), id.clone());
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&key) {
            entries.retain(|_, entry| now < entry.read_at + max_age);
            if entries.len() >= MAX_ENTRIES {
                entries.clear();
            }
        }
        entries.insert(key, known);
    }
}
