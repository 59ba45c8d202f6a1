//! Connections: the connected sockets and their subscriptions.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue::Ss;
use serde::{Deserialize, Serialize};

use super::{
    Store, key,
    outcome::condition_met,
    row::{self, text},
    write::{Transaction, token},
};
use crate::{
    Error,
    domain::{At, Identity, Participant, ThreadId},
};

/// Time from a token's expiry to the expiry of its entries in the table: an hour.
const EXPIRY_GRACE_SECONDS: i64 = 3600;

/// The maximum number of threads that a socket may subscribe to.
pub const MAX_SUBSCRIPTIONS: usize = 200;

/// The time between two replays of the same messages to one connection.
const REPLAY_INTERVAL_MS: i64 = 1000;

/// A connected socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connection {
    pub id: String,
    pub identity: Identity,
    #[serde(default, with = "serde_dynamo::string_set", skip_serializing_if = "BTreeSet::is_empty")]
    pub threads: BTreeSet<ThreadId>,
    expires_at: i64,
}

/// The entry by which a customer's connection is found.
#[derive(Serialize)]
struct CustomerConnection {
    at: At,
    expires_at: i64,
}

/// A subscribed socket, with what a poster needs to know of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscriber {
    pub connection: String,
    /// True for agents and admins, who are sent notes; customers are not.
    pub staff: bool,
    /// The token's expiry. Nothing is delivered after it.
    pub expires: At,
    /// The participant whose socket it is. `None` for subscriptions made before this field existed.
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
        let expires_at = identity.expires.seconds() + EXPIRY_GRACE_SECONDS;
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
    /// Stores a connection; a customer's with the entry by which an erasure finds it.
    pub async fn connection_put(&self, connection: &Connection, now: At) -> Result<(), Error> {
        let Connection { id, identity, expires_at, .. } = connection;
        let item = row::row(key::connection(&identity.tenant, id), connection)?;
        if identity.is_staff() {
            return self.put(item).await;
        }
        let entry = CustomerConnection { at: now, expires_at: *expires_at };
        let entry = row::row(key::customer_connection(&identity.tenant, &identity.subject, id), entry)?;
        let both = Transaction::default().put(&self.table, item, None)?.put(&self.table, entry, None)?;
        self.transact(both, &token()).await.map(|_| ())
    }

    /// The ids of a customer's connections that were made at `until` or before.
    pub async fn connections_of_customer(&self, tenant: &str, customer: &str, until: At) -> Result<Vec<String>, Error> {
        let partition = key::customer_partition(tenant, customer);
        let items = self.get_beginning(&partition, key::CUSTOMER_CONNECTION).await?;
        let old = items.iter().filter(|item| *text(item, "at") <= *until.to_string());
        Ok(old.filter_map(|item| text(item, "sk").strip_prefix(key::CUSTOMER_CONNECTION).map(str::to_owned)).collect())
    }

    /// Deletes the entry by which a customer's connection is found.
    pub async fn customer_connection_delete(&self, tenant: &str, customer: &str, id: &str) -> Result<(), Error> {
        self.delete_all(vec![key::customer_connection(tenant, customer, id)]).await
    }

    pub async fn connection_get(&self, tenant: &str, id: &str) -> Result<Option<Connection>, Error> {
        let found = self.get(key::connection(tenant, id)).await?;
        found.map(row::read).transpose()
    }

    /// Deletes a connection with its subscriptions and returns it, if it existed.
    pub async fn connection_delete(&self, tenant: &str, id: &str) -> Result<Option<Connection>, Error> {
        let connection = self.connection_get(tenant, id).await?;
        let threads = connection.iter().flat_map(|connection| &connection.threads);
        let mut keys: Vec<_> = threads.map(|thread| key::subscription(tenant, thread, id)).collect();
        keys.push(key::inbox(tenant, id));
        keys.push(key::connection(tenant, id));
        if let Some(Connection { identity, .. }) = connection.as_ref().filter(|it| !it.identity.is_staff()) {
            keys.push(key::customer_connection(tenant, &identity.subject, id));
        }
        self.delete_all(keys).await?;
        Ok(connection)
    }

    /// Subscribes a socket to a thread. Returns `false` if the socket is no longer connected.
    ///
    /// The thread is added to the connection first, so that every subscription is found when the connection is deleted.
    pub async fn subscription_put(&self, connection: &Connection, thread: &ThreadId) -> Result<bool, Error> {
        let tenant = &connection.identity.tenant;
        if !self.connection_change(connection, "ADD", thread).await? {
            return Ok(false);
        }
        self.subscriber_put(key::subscription(tenant, thread, &connection.id), connection).await?;
        Ok(true)
    }

    /// Ends a subscription. Returns `false` if there was none, at the cost of one write.
    pub async fn subscription_delete(&self, connection: &Connection, thread: &ThreadId) -> Result<bool, Error> {
        let key = key::subscription(&connection.identity.tenant, thread, &connection.id);
        let deleted = self
            .dynamo
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", "pk")
            .send()
            .await;
        let was_subscribed = condition_met(deleted)?;
        // A subscription that failed half-way is in the set alone.
        if was_subscribed || connection.threads.contains(thread) {
            self.connection_change(connection, "DELETE", thread).await?;
        }
        Ok(was_subscribed)
    }

    /// Claims the replay of a thread's messages after `after`, up to `through`. Returns `false` where the connection
    /// was replayed messages of this thread less than a second ago, unless these are the ones that follow.
    ///
    /// The claim is an item of its own, so that it holds across the functions that serve one connection, and costs a
    /// write only where something is replayed.
    pub async fn replay_claim(
        &self,
        connection: &Connection,
        thread: &ThreadId,
        after: u64,
        through: u64,
        now: At,
    ) -> Result<bool, Error> {
        let claimed = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::replay(&connection.identity.tenant, thread, &connection.id).attributes()))
            .update_expression("SET #at = :now, #through = :through, #expires = :expires")
            .condition_expression("attribute_not_exists(#at) OR #at <= :before OR #through <= :after")
            .expression_attribute_names("#at", "at")
            .expression_attribute_names("#through", "through")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_values(":now", row::number(now.millis()))
            .expression_attribute_values(":before", row::number(now.millis() - REPLAY_INTERVAL_MS))
            .expression_attribute_values(":after", row::number(after))
            .expression_attribute_values(":through", row::number(through))
            .expression_attribute_values(":expires", row::number(connection.expires_at))
            .send()
            .await;
        condition_met(claimed)
    }

    /// Corrects the claim of a replay that ended early, at `through`: the client may ask for the rest at once.
    pub async fn replay_ended(&self, connection: &Connection, thread: &ThreadId, through: u64) -> Result<(), Error> {
        let corrected = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::replay(&connection.identity.tenant, thread, &connection.id).attributes()))
            .update_expression("SET #through = :through")
            .condition_expression("attribute_exists(#at)")
            .expression_attribute_names("#at", "at")
            .expression_attribute_names("#through", "through")
            .expression_attribute_values(":through", row::number(through))
            .send()
            .await;
        condition_met(corrected).map(|_| ())
    }

    /// Subscribes a socket to all changes of owner in its tenant.
    pub async fn inbox_put(&self, connection: &Connection) -> Result<(), Error> {
        self.subscriber_put(key::inbox(&connection.identity.tenant, &connection.id), connection).await
    }

    pub async fn inbox_delete(&self, connection: &Connection) -> Result<(), Error> {
        self.delete_all(vec![key::inbox(&connection.identity.tenant, &connection.id)]).await
    }

    /// A thread's subscribers, by a consistent read. A socket first subscribes, then reads the log; a poster first
    /// saves, then reads the subscribers. So one of the two sees the other.
    pub async fn subscribers(&self, tenant: &str, thread: &ThreadId) -> Result<Vec<Subscriber>, Error> {
        self.subscribers_of(key::thread_partition(tenant, thread)).await
    }

    /// The subscribers of a tenant's inbox.
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

    /// Adds a thread to the connection's set, or removes it. Returns `false` if there is no such connection.
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
