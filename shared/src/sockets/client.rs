//! A client for API Gateway's management API, which posts to WebSocket connections and closes them.

use std::time::Duration;

use aws_sdk_apigatewaymanagement::{
    Client, error::DisplayErrorContext, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use tokio::time::sleep;

use crate::backoff::Backoff;

#[derive(Clone)]
pub struct Sockets {
    management: Client,
}

/// The result of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    Sent,
    /// The connection no longer exists.
    Gone,
    /// The frame was not delivered. The client will ask for what it missed.
    Failed,
}

impl Sockets {
    pub fn new(management: Client) -> Self {
        Self { management }
    }

    pub async fn post(&self, connection: &str, frame: &str) -> Posted {
        // With the delays between them, the attempts at a throttled post take about two seconds in all.
        let mut backoff = Backoff::new(6, Duration::from_millis(64), Duration::from_secs(1));
        loop {
            let post = self.management.post_to_connection().connection_id(connection).data(Blob::new(frame));
            let Err(error) = Box::pin(post.send()).await else { return Posted::Sent };
            let delay = match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => return Posted::Gone,
                Some(PostToConnectionError::LimitExceededException(_)) => backoff.next_delay(),
                _ => None,
            };
            let Some(delay) = delay else {
                tracing::warn!(connection, error = %DisplayErrorContext(&error), "a post to a WebSocket failed");
                return Posted::Failed;
            };
            sleep(delay).await;
        }
    }

    pub async fn close(&self, connection: &str) {
        // An error means that the connection no longer exists.
        let _ = self.management.delete_connection().connection_id(connection).send().await;
    }
}
