//! The tasks beside the gateway: the schedule of the sweep, and the expiry of items.

use std::{sync::Arc, time::Duration};

use dynoxide::Database;
use tokio::{sync::watch, task::spawn_blocking, time::timeout};

use crate::gateway::Gateway;

/// The interval at which expired items are deleted; DynamoDB deletes them within days.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(10);

/// The schedule of the sweep: one that takes longer than the interval delays the next.
pub(crate) async fn sweep(gateway: Arc<Gateway>, every: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        if !gateway.sweep().await {
            tracing::warn!("the sweep did not see every due item; the next one continues");
        }
        if timeout(every, stopped.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// Deletes expired items from the table, as DynamoDB's time to live does.
pub(crate) async fn expire_items(database: Database, mut stopped: watch::Receiver<bool>) {
    while timeout(EXPIRY_INTERVAL, stopped.wait_for(|stop| *stop)).await.is_err() {
        let database = database.clone();
        if let Ok(Err(error)) = spawn_blocking(move || database.sweep_ttl()).await {
            tracing::warn!(%error, "deleting expired items failed; will retry");
        }
    }
}
