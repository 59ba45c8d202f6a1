//! The tasks beside the gateway: the schedule of the sweep, the expiry of items, and the database's own port.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use dynoxide::Database;
use tokio::{
    net::TcpListener,
    runtime,
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use crate::{Error, gateway::Gateway, reachable};

/// The interval at which expired items are deleted; DynamoDB deletes them within days.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(10);

/// Serves DynamoDB's HTTP API on a free port, on a separate thread because its handlers block. Returns its URL.
pub(crate) async fn share_database(
    database: &Database,
    listen: IpAddr,
    tasks: &mut JoinSet<()>,
    mut stopped: watch::Receiver<bool>,
) -> Result<String, Error> {
    let listener = TcpListener::bind((listen, 0)).await?;
    let url = format!("http://{}", reachable(listener.local_addr()?));
    let listener = listener.into_std()?;
    let database = database.clone();
    tasks.spawn_blocking(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let outcome = runtime.and_then(|runtime| {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                let stop = async move {
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                dynoxide::server::serve_with_shutdown(listener, database, stop).await.map_err(io::Error::other)
            })
        });
        if let Err(error) = outcome {
            tracing::error!(%error, "the server of the embedded database stopped");
        }
    });
    Ok(url)
}

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
