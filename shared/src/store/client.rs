//! Client ids: the record by which a repeated message is recognised.

use serde::{Deserialize, Serialize};

use super::{Store, key, row};
use crate::{
    Error,
    domain::{MessageId, ThreadId},
};

/// The record that a `client_id` was used, and for which message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRow {
    /// The author's subject: each author has ids of their own.
    pub author: String,
    pub client_id: String,
    /// A digest of the request that was sent under it.
    pub fingerprint: String,
    /// The message's `seq`; for a note, the `seq` that it comes after.
    pub seq: u64,
    /// The note's id, where it was a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<MessageId>,
}

impl Store {
    /// The record of a `client_id`; `None` where it was not used.
    pub async fn client_get(
        &self,
        tenant: &str,
        id: &ThreadId,
        author: &str,
        client_id: &str,
    ) -> Result<Option<ClientRow>, Error> {
        let found = self.get(key::client(tenant, id, author, client_id)).await?;
        found.map(row::read).transpose()
    }
}
