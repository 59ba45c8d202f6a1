//! Conversations: made, labelled, and removed with all they hold.

use std::collections::{BTreeMap, BTreeSet};

use futures::{TryStreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Failure, OpenAi, transport::Resend};

/// Items deleted at the same time.
const MAX_CONCURRENT_DELETES: usize = 8;
/// How often a listing starts over because somebody else deleted the item it stood at.
const MAX_LISTINGS: usize = 5;

#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) id: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Created>,
    #[serde(default)]
    has_more: bool,
}

impl OpenAi {
    /// Answers the new conversation's id. `metadata`: at most 16 pairs, keys of 64 characters,
    /// values of 512.
    pub async fn conversation_create(&self, metadata: &BTreeMap<String, String>) -> Result<String, Failure> {
        let body = json!({ "metadata": metadata });
        let created: Created = self
            .fetch(Resend::OnlyIfToldTo, || self.request(Method::POST, &["conversations"], &[]).json(&body))
            .await?;
        Ok(created.id)
    }

    /// Replaces the metadata. [`Failure::Missing`] when the conversation is gone.
    pub async fn conversation_update(&self, id: &str, metadata: &BTreeMap<String, String>) -> Result<(), Failure> {
        let body = json!({ "metadata": metadata });
        match self
            .send_small(Resend::Freely, || self.request(Method::POST, &["conversations", id], &[]).json(&body))
            .await
        {
            Err(failure) if failure.is_not_found() => Err(Failure::Missing),
            told => told,
        }
    }

    /// Removes the items, then the conversation: deleting a conversation alone would leave its
    /// items behind. What is gone already, in whole or in part, is success. After a failure it can
    /// be called again.
    pub async fn conversation_delete(&self, id: &str) -> Result<(), Failure> {
        let items = self.conversation_items(id).await?;
        stream::iter(items.into_iter().map(Ok))
            .try_for_each_concurrent(MAX_CONCURRENT_DELETES, |item: String| async move {
                self.remove(&["conversations", id, "items", &item]).await
            })
            .await?;
        self.remove(&["conversations", id]).await
    }

    /// The ids of all items. All are listed before the first is deleted, because a page cannot
    /// start after a deleted item.
    async fn conversation_items(&self, id: &str) -> Result<BTreeSet<String>, Failure> {
        let mut items = BTreeSet::new();
        let mut after: Option<String> = None;
        let mut listings = 1;
        loop {
            let page = match self.conversation_page(id, after.as_deref()).await {
                Ok(page) => page,
                Err(Failure::Refused { status: 404, .. }) if after.is_none() => return Ok(items),
                Err(Failure::Refused { status: 404, .. }) if listings < MAX_LISTINGS => {
                    listings += 1;
                    after = None;
                    items.clear();
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let known = items.len();
            after = page.data.last().map(|item| item.id.clone());
            items.extend(page.data.into_iter().map(|item| item.id));
            // Without a new item the list is empty, or a server pages in circles.
            if !page.has_more || items.len() == known {
                return Ok(items);
            }
        }
    }

    async fn conversation_page(&self, id: &str, after: Option<&str>) -> Result<Page, Failure> {
        let mut query = vec![("limit", "100"), ("order", "asc")];
        query.extend(after.map(|item| ("after", item)));
        self.fetch(Resend::Freely, || self.request(Method::GET, &["conversations", id, "items"], &query)).await
    }
}
