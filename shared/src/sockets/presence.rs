//! Who listens to a thread right now. It is derived from the subscriptions, and told as a whole picture, so that pictures
//! that overtake each other do no harm.

use super::{Event, PRESENT_MAX};
use crate::{
    App, Error,
    domain::{Participant, ThreadId},
    store::{Connection, Subscriber},
};

impl App {
    /// After a connection began to listen to a thread: it is shown who is there, and everybody else that it came, unless its
    /// person was there before.
    pub async fn broadcast_arrival(&self, connection: &Connection, id: &ThreadId) -> Result<(), Error> {
        let (tenant, subject) = (&connection.identity.tenant, &connection.identity.subject);
        let mut listeners = self.store.subscribers(tenant, id).await?;
        let picture = self.picture(id, &listeners);
        self.sockets.post(&connection.id, &picture.frame()?).await;
        listeners.retain(|it| it.connection != connection.id);
        if !listeners.iter().any(|it| it.is_of(subject) && !self.is_past(it.expires)) {
            self.broadcast_to(tenant, &listeners, &[picture]).await;
        }
        Ok(())
    }

    /// After a connection of somebody has left these threads: those who listen on are told, unless its person does too.
    pub async fn broadcast_departure(&self, connection: &Connection, threads: impl IntoIterator<Item = &ThreadId>) {
        let (tenant, subject) = (&connection.identity.tenant, &connection.identity.subject);
        for id in threads {
            match self.store.subscribers(tenant, id).await {
                Ok(listeners) if listeners.iter().any(|it| it.is_of(subject)) => {}
                Ok(listeners) => self.broadcast_to(tenant, &listeners, &[self.picture(id, &listeners)]).await,
                Err(error) => tracing::warn!(thread.id = %id, %error, "nobody could be told who left"),
            }
        }
    }

    fn picture(&self, id: &ThreadId, listeners: &[Subscriber]) -> Event {
        let mut present: Vec<Participant> = Vec::new();
        for who in listeners.iter().filter(|it| !self.is_past(it.expires)).filter_map(|it| it.who.as_ref()) {
            if present.len() < PRESENT_MAX && !present.contains(who) {
                present.push(who.clone());
            }
        }
        Event::Presence { thread_id: id.clone(), present, at: self.now() }
    }
}
