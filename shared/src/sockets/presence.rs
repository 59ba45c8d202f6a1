//! Presence: the participants who are subscribed to a thread.
//!
//! It is derived from the subscriptions and broadcast as a whole, so snapshots may arrive in any order.

use futures::future::BoxFuture;

use super::event::Event;
use crate::{
    App, Error,
    domain::{Participant, ThreadId},
    store::{Connection, Subscriber},
};

/// The participants in one snapshot.
const MAX_PRESENT: usize = 50;

impl App {
    /// Broadcasts presence after a connection subscribed to a thread. The new connection always gets the snapshot; the
    /// others do unless its person was present before.
    pub async fn broadcast_arrival(&self, connection: &Connection, id: &ThreadId) -> Result<(), Error> {
        let (tenant, subject) = (&connection.identity.tenant, &connection.identity.subject);
        let mut subscribers = self.store.subscribers(tenant, id).await?;
        let snapshot = self.snapshot(id, &subscribers);
        self.sockets.post(&connection.id, &snapshot.frame()?).await;
        subscribers.retain(|it| it.connection != connection.id);
        if !subscribers.iter().any(|it| it.is_of(subject) && !self.is_past(it.expires)) {
            self.broadcast_to(tenant, &subscribers, &[snapshot]).await;
        }
        Ok(())
    }

    /// Broadcasts presence after a connection left these threads, unless its person is still subscribed with another.
    pub async fn broadcast_departure(&self, connection: &Connection, threads: impl IntoIterator<Item = &ThreadId>) {
        let (tenant, subject) = (&connection.identity.tenant, &connection.identity.subject);
        for id in threads {
            match self.store.subscribers(tenant, id).await {
                Ok(subscribers) if subscribers.iter().any(|it| it.is_of(subject)) => {}
                Ok(subscribers) => self.broadcast_to(tenant, &subscribers, &[self.snapshot(id, &subscribers)]).await,
                Err(error) => tracing::warn!(thread.id = %id, %error, "broadcasting a departure failed"),
            }
        }
    }

    /// Deletes a connection with its subscriptions and broadcasts its departure. Boxed, because the broadcast may find
    /// more connections to delete.
    pub fn forget<'a>(&'a self, tenant: &'a str, connection: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            if let Some(gone) = self.store.connection_delete(tenant, connection).await? {
                self.broadcast_departure(&gone, &gone.threads).await;
            }
            Ok(())
        })
    }

    /// Forgets and closes a customer's connection.
    pub async fn disconnect(&self, tenant: &str, customer: &str, connection: &str) -> Result<(), Error> {
        self.forget(tenant, connection).await?;
        self.store.customer_connection_delete(tenant, customer, connection).await?;
        self.sockets.close(connection).await;
        Ok(())
    }

    fn snapshot(&self, id: &ThreadId, subscribers: &[Subscriber]) -> Event {
        let mut present: Vec<Participant> = Vec::new();
        for who in subscribers.iter().filter(|it| !self.is_past(it.expires)).filter_map(|it| it.who.as_ref()) {
            if present.len() < MAX_PRESENT && !present.contains(who) {
                present.push(who.clone());
            }
        }
        Event::Presence { thread_id: id.clone(), present, at: self.now() }
    }
}
