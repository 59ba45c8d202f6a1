//! A client for API Gateway's management API, which posts to WebSocket connections and closes them.

use std::time::Duration;

use aws_sdk_apigatewaymanagement::{
    Client, error::DisplayErrorContext, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use tokio::time::sleep;

/// Attempts at a post that API Gateway throttles: with the waits between them, about two seconds in all.
const MAX_ATTEMPTS: u32 = 6;

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
        let mut attempts = 1;
        loop {
            let post = self.management.post_to_connection().connection_id(connection).data(Blob::new(frame));
            let Err(error) = post.send().await else { return Posted::Sent };
            match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => return Posted::Gone,
                // A random part of a wait that doubles each time, so that posts that were throttled together are not
                // repeated together.
                Some(PostToConnectionError::LimitExceededException(_)) if attempts < MAX_ATTEMPTS => {
                    sleep(Duration::from_millis(fastrand::u64(1..=(32 << attempts)))).await;
                    attempts += 1;
                }
                _ => {
                    tracing::warn!(connection, error = %DisplayErrorContext(&error), "a post to a WebSocket failed");
                    return Posted::Failed;
                }
            }
        }
    }

    pub async fn close(&self, connection: &str) {
        // An error means that the connection no longer exists.
        let _ = self.management.delete_connection().connection_id(connection).send().await;
    }
}
