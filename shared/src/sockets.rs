//! Telling the sockets: one vocabulary of events, sent to whoever listens.
//!
//! Delivery is at least once and unordered, and a delivery that fails changes nothing: what matters has been saved
//! before. A client orders by `seq` and asks again for what it misses.

mod event;
mod fanout;
mod presence;

use std::time::Duration;

use aws_sdk_apigatewaymanagement::{
    Client, error::DisplayErrorContext, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use futures::future::BoxFuture;
use tokio::time::sleep;

pub use event::{Event, PRESENT_MAX};

use crate::{App, Error, domain::At, store::Subscriber};

/// How often a post is tried that API Gateway has too many of: with back-off, some two seconds in all.
const MAX_ATTEMPTS: u32 = 6;

#[derive(Clone)]
pub struct Sockets {
    management: Client,
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    Sent,
    /// There is no such connection any more.
    Gone,
    /// Not delivered; the client will ask again.
    Failed,
}

impl Sockets {
    pub fn new(management: Client) -> Self {
        Self { management }
    }

    pub async fn post(&self, connection: &str, frame: &str) -> Posted {
        let mut tries = 1;
        loop {
            let post = self.management.post_to_connection().connection_id(connection).data(Blob::new(frame));
            let Err(error) = post.send().await else { return Posted::Sent };
            match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => return Posted::Gone,
                // Each waits a random part of twice as long, so that those who were too many at once are not again.
                Some(PostToConnectionError::LimitExceededException(_)) if tries < MAX_ATTEMPTS => {
                    sleep(Duration::from_millis(fastrand::u64(1..=(32 << tries)))).await;
                    tries += 1;
                }
                _ => {
                    tracing::warn!(connection, error = %DisplayErrorContext(&error), "a post to a socket failed");
                    return Posted::Failed;
                }
            }
        }
    }

    pub async fn close(&self, connection: &str) {
        // One that is gone already is as good as closed.
        let _ = self.management.delete_connection().connection_id(connection).send().await;
    }
}

impl App {
    /// Sends a frame to one listener. One that is gone is forgotten where it is found: nobody else will tell us.
    pub async fn post(&self, tenant: &str, subscriber: &Subscriber, frame: &str) -> Posted {
        let posted = self.sockets.post(&subscriber.connection, frame).await;
        if posted == Posted::Gone
            && let Err(error) = self.forget(tenant, &subscriber.connection).await
        {
            tracing::warn!(%error, "a dead connection could not be forgotten");
        }
        posted
    }

    /// Forgets a connection and tells those it listened with that it left. Boxed, for they may turn out to be gone too.
    pub fn forget<'a>(&'a self, tenant: &'a str, connection: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            if let Some(gone) = self.store.connection_delete(tenant, connection).await? {
                self.broadcast_departure(&gone, &gone.threads).await;
            }
            Ok(())
        })
    }

    /// True once a token with this expiry no longer counts.
    pub fn is_past(&self, expires: At) -> bool {
        expires <= self.now()
    }
}
