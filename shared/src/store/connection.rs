//! Sockets: which are connected, and what they listen to.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue::Ss;
use serde::{Deserialize, Serialize};

use super::{Store, key, outcome::condition_met, row};
use crate::{
    Error,
    domain::{At, Identity, Participant, ThreadId},
};

/// How long after its token's end an entry stays for the table's TTL to take: an hour.
const GRACE_SECONDS: i64 = 3600;

/// The most threads one socket may listen to.
pub const SUBSCRIPTIONS_MAX: usize = 200;

/// A connected socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connection {
    pub id: String,
    pub identity: Identity,
    #[serde(default, with = "serde_dynamo::string_set", skip_serializing_if = "BTreeSet::is_empty")]
    pub threads: BTreeSet<ThreadId>,
    expires_at: i64,
}

/// A socket that listens, as a poster needs to know it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscriber {
    pub connection: String,
    /// Agents hear notes; customers do not.
    pub staff: bool,
    /// The token's end. Nothing is delivered after it.
    pub expires: At,
    /// Whose socket it is; unknown of one that began to listen before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Participant>,
    expires_at: i64,
}

impl Subscriber {
    pub fn is_of(&self, subject: &str) -> bool {
        self.who.as_ref().is_some_and(|who| who.person.id == subject)
    }
}

impl Connection {
    pub fn new(id: String, identity: Identity) -> Self {
        let expires_at = identity.expires.seconds() + GRACE_SECONDS;
        Self { id, identity, threads: BTreeSet::new(), expires_at }
    }

    pub fn subscriber(&self) -> Subscriber {
        Subscriber {
            connection: self.id.clone(),
            staff: self.identity.is_staff(),
            expires: self.identity.expires,
            who: Some(self.identity.participant()),
            expires_at: self.expires_at,
        }
    }
}

impl Store {
    pub async fn connection_put(&self, connection: &Connection) -> Result<(), Error> {
        let item = row::row(key::connection(&connection.identity.tenant, &connection.id), connection)?;
        self.put(item).await
    }

    pub async fn connection_get(&self, tenant: &str, id: &str) -> Result<Option<Connection>, Error> {
        let found = self.get(key::connection(tenant, id)).await?;
        found.map(row::read).transpose()
    }

    /// Forgets a socket and all that it listened to. Gives what it was, where it was known.
    pub async fn connection_delete(&self, tenant: &str, id: &str) -> Result<Option<Connection>, Error> {
        let connection = self.connection_get(tenant, id).await?;
        let threads = connection.iter().flat_map(|connection| &connection.threads);
        let mut keys: Vec<_> = threads.map(|thread| key::subscription(tenant, thread, id)).collect();
        keys.push(key::inbox(tenant, id));
        keys.push(key::connection(tenant, id));
        self.delete_all(keys).await?;
        Ok(connection)
    }

    /// Lets a socket listen to a thread. `false`: the socket is not connected any more.
    ///
    /// The connection remembers the thread first, so that whatever is stored is found again when it goes.
    pub async fn subscription_put(&self, connection: &Connection, thread: &ThreadId) -> Result<bool, Error> {
        let tenant = &connection.identity.tenant;
        if !self.connection_change(connection, "ADD", thread).await? {
            return Ok(false);
        }
        self.subscriber_put(key::subscription(tenant, thread, &connection.id), connection).await?;
        Ok(true)
    }

    pub async fn subscription_delete(&self, connection: &Connection, thread: &ThreadId) -> Result<(), Error> {
        let tenant = &connection.identity.tenant;
        self.delete_all(vec![key::subscription(tenant, thread, &connection.id)]).await?;
        self.connection_change(connection, "DELETE", thread).await.map(|_| ())
    }

    /// Lets a socket listen to every change of owner in its tenant.
    pub async fn inbox_put(&self, connection: &Connection) -> Result<(), Error> {
        self.subscriber_put(key::inbox(&connection.identity.tenant, &connection.id), connection).await
    }

    pub async fn inbox_delete(&self, connection: &Connection) -> Result<(), Error> {
        self.delete_all(vec![key::inbox(&connection.identity.tenant, &connection.id)]).await
    }

    /// Who listens to a thread, read consistently: a socket subscribes first and reads the log then, a poster saves
    /// first and reads this then, so one of the two sees the other.
    pub async fn subscribers(&self, tenant: &str, thread: &ThreadId) -> Result<Vec<Subscriber>, Error> {
        self.subscribers_of(key::thread_partition(tenant, thread)).await
    }

    /// Who listens to a tenant's inbox.
    pub async fn inbox_subscribers(&self, tenant: &str) -> Result<Vec<Subscriber>, Error> {
        self.subscribers_of(key::inbox_partition(tenant)).await
    }

    async fn subscribers_of(&self, partition: String) -> Result<Vec<Subscriber>, Error> {
        let items = self.get_beginning(&partition, key::SUBSCRIPTION).await?;
        items.into_iter().map(row::read).collect()
    }

    async fn subscriber_put(&self, key: key::Key, connection: &Connection) -> Result<(), Error> {
        let item = row::row(key, connection.subscriber())?;
        self.put(item).await
    }

    /// Adds a thread to what the connection remembers, or takes it out. `false`: there is no such connection.
    async fn connection_change(&self, connection: &Connection, verb: &str, thread: &ThreadId) -> Result<bool, Error> {
        let changed = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::connection(&connection.identity.tenant, &connection.id).attributes()))
            .update_expression(format!("{verb} #threads :thread"))
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_names("#threads", "threads")
            .expression_attribute_values(":thread", Ss(vec![thread.to_string()]))
            .send()
            .await;
        condition_met(changed)
    }
}
