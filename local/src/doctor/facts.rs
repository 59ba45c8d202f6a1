//! The facts about a deployment from which findings follow, and those that its table holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;
use shared::{
    domain::{At, Status},
    store::{
        Store,
        key::{self, Key, OutboxKind},
    },
};

use super::{chatbot, server::Server};
use crate::Error;

/// The time after which a customer has waited for a person for long.
const LONG_WAIT: Duration = Duration::from_hours(1);

/// The time after which due work piles up: the sweep runs each minute.
const OVERDUE: Duration = Duration::from_mins(5);

/// The most threads of a queue, and the most due items on a page of the index, that are read.
pub(super) const PAGE_SIZE: usize = 100;

#[derive(Default)]
pub(super) struct Facts {
    /// Chatbots as the API shows them, with their `tenant` where several are checked.
    pub(super) chatbots: Vec<Value>,
    pub(super) waits: Vec<LongWaits>,
    /// The number of due items that the sweep should have done, by kind.
    pub(super) overdue: BTreeMap<&'static str, usize>,
}

/// The threads of a tenant in which a customer has waited for a person for long.
pub(super) struct LongWaits {
    /// `None` for the tenant of the token.
    pub(super) tenant: Option<String>,
    pub(super) count: usize,
    /// The longest wait.
    pub(super) since: At,
    pub(super) thread: String,
}

impl Facts {
    pub(super) async fn of_table(store: &Store, now: At) -> Result<Self, Error> {
        let chatbots = store.chatbots_of_all_tenants().await?;
        let tenants: BTreeSet<&str> = chatbots.iter().map(|chatbot| chatbot.tenant.as_str()).collect();
        let mut waits = Vec::new();
        for tenant in tenants {
            let queued = store.thread_list_of_tenant(tenant, Some("queued"), None, PAGE_SIZE).await?;
            let queued =
                queued.threads.iter().map(|(thread, _)| (Status::since(&thread.status), thread.id.to_string()));
            waits.extend(LongWaits::among(queued, Some(tenant.to_owned()), now));
        }
        let overdue = overdue(store, now).await?;
        Ok(Self { chatbots: chatbots.iter().map(|chatbot| chatbot::shown(chatbot, now)).collect(), waits, overdue })
    }

    /// The models of all chatbots, fallbacks included.
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.chatbots.iter().flat_map(chatbot::models).map(|(_, model)| model)
    }

    pub(super) fn findings(&self, now: At, server: &Server) -> Vec<String> {
        let chatbots = self.chatbots.iter().flat_map(|chatbot| chatbot::findings(chatbot, now, server));
        let waits = self.waits.iter().map(LongWaits::finding);
        let overdue = self.overdue.iter().map(|(kind, count)| {
            let items = if *count == 1 { format!("{kind} has") } else { format!("{kind}s have") };
            format!(
                "{count} {items} been due for more than {minutes} minutes: check that the function sweep runs each \
                    minute, and its log",
                minutes = OVERDUE.as_secs() / 60,
            )
        });
        chatbots.chain(waits).chain(overdue).collect()
    }
}

impl LongWaits {
    /// The long waits among the queued threads of a tenant.
    pub(super) fn among(queued: impl Iterator<Item = (At, String)>, tenant: Option<String>, now: At) -> Option<Self> {
        let waiting: Vec<_> = queued.filter(|(since, _)| *since + LONG_WAIT <= now).collect();
        let (since, thread) = waiting.iter().min()?.clone();
        Some(Self { tenant, count: waiting.len(), since, thread })
    }

    fn finding(&self) -> String {
        let Self { tenant, count, since, thread } = self;
        let of_tenant = tenant.as_ref().map(|tenant| format!(" of tenant {tenant}")).unwrap_or_default();
        let or_more = if *count == PAGE_SIZE { " or more" } else { "" };
        let (threads, have) = if *count == 1 { ("thread", "has") } else { ("threads", "have") };
        format!(
            "{count}{or_more} {threads}{of_tenant} {have} waited for an agent for more than an hour, the longest since \
                {since} ({thread}): claim them, or set QUEUE_TIMEOUT_MINUTES"
        )
    }
}

/// Counts the due items that the sweep has left for [`OVERDUE`].
async fn overdue(store: &Store, now: At) -> Result<BTreeMap<&'static str, usize>, Error> {
    let before = At::from_millis(now.millis() - i64::try_from(OVERDUE.as_millis()).unwrap_or(0));
    let mut counts = BTreeMap::new();
    for shard in key::due_shards() {
        let mut from = None;
        loop {
            let page = store.due_page(&shard, before, from, PAGE_SIZE).await?;
            for item in &page.items {
                *counts.entry(kind(&item.key)).or_default() += 1;
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(counts)
}

fn kind(key: &Key) -> &'static str {
    match key.outbox_kind() {
        Some(OutboxKind::Cleanup) => "OpenAI deletion",
        Some(OutboxKind::Delivery) => "webhook call",
        Some(OutboxKind::Notice) => "topic notice",
        None if key.sk == key::THREAD => "thread",
        None if key.chatbot().is_some() => "model check",
        None => "other item",
    }
}
