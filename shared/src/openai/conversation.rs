//! Conversations: created, updated, and deleted with all of their items.

use std::collections::{BTreeMap, BTreeSet};

use futures::{TryStreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    client::OpenAi,
    failure::Failure,
    transport::{ObjectId, RequestKind},
};

/// Items that are deleted concurrently.
const MAX_CONCURRENT_DELETES: usize = 8;
/// Attempts at a listing. It starts over if the item that its next page should start after was deleted.
const MAX_LISTINGS: usize = 5;

#[derive(Deserialize)]
struct Page {
    data: Vec<ObjectId>,
    #[serde(default)]
    has_more: bool,
}

impl OpenAi {
    /// Creates a conversation and returns its id. `metadata` may have at most 16 pairs, with keys of up to 64 and
    /// values of up to 512 characters.
    pub async fn conversation_create(&self, metadata: &BTreeMap<String, String>) -> Result<String, Failure> {
        let body = json!({ "metadata": metadata });
        let created: ObjectId = self
            .fetch(RequestKind::NotIdempotent, || self.request(Method::POST, &["conversations"], &[]).json(&body))
            .await?;
        Ok(created.id)
    }

    /// Replaces the metadata. Fails with [`Failure::Missing`] if the conversation does not exist.
    pub async fn conversation_update(&self, id: &str, metadata: &BTreeMap<String, String>) -> Result<(), Failure> {
        let body = json!({ "metadata": metadata });
        match self
            .send_small(RequestKind::Idempotent, || self.request(Method::POST, &["conversations", id], &[]).json(&body))
            .await
        {
            Err(failure) if failure.is_not_found() => Err(Failure::Missing),
            result => result,
        }
    }

    /// Deletes the items, then the conversation: deleting only the conversation would leave its items behind. Succeeds
    /// if all or some of it does not exist. Can be called again after a failure.
    pub async fn conversation_delete(&self, id: &str) -> Result<(), Failure> {
        let items = self.conversation_items(id).await?;
        stream::iter(items.into_iter().map(Ok))
            .try_for_each_concurrent(MAX_CONCURRENT_DELETES, |item: String| async move {
                self.remove(&["conversations", id, "items", &item]).await
            })
            .await?;
        self.remove(&["conversations", id]).await
    }

    /// Lists the ids of all items. The list is complete before the first item is deleted, because a page cannot start
    /// after a deleted item.
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
            // A page without a new item means an empty list, or a server whose pages repeat.
            if !page.has_more || items.len() == known {
                return Ok(items);
            }
        }
    }

    async fn conversation_page(&self, id: &str, after: Option<&str>) -> Result<Page, Failure> {
        let mut query = vec![("limit", "100"), ("order", "asc")];
        query.extend(after.map(|item| ("after", item)));
        self.fetch(RequestKind::Idempotent, || self.request(Method::GET, &["conversations", id, "items"], &query)).await
    }
}
