//! The open connections: post a message to one, read its details, close it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::URL_SAFE};
use bytes::Bytes;
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use ulid::Ulid;

use super::limits::Limits;

/// The largest message in either direction.
pub(super) const MAX_MESSAGE_BYTES: usize = 128 * 1024;
/// The number of messages that may wait for one slow socket.
const MAX_QUEUED_MESSAGES: usize = 256;

/// The open connections of one gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    open: Mutex<HashMap<String, Arc<Connection>>>,
}

/// The sending side of a connection, which posts use.
#[derive(Debug)]
struct Connection {
    queue: mpsc::Sender<Bytes>,
    closing: watch::Sender<Option<Close>>,
    info: ConnectionInfo,
    /// Unix seconds.
    last_active: AtomicI64,
}

/// The details of a connection that `GET /@connections/{id}` returns.
#[derive(Clone, Debug)]
pub(super) struct ConnectionInfo {
    pub(super) connected_at: OffsetDateTime,
    pub(super) last_active_at: OffsetDateTime,
    pub(super) source_ip: String,
    pub(super) user_agent: String,
}

/// A close code and reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

/// The receiving side of a connection, which its socket holds.
pub(super) struct SocketReceiver {
    pub(super) queue: mpsc::Receiver<Bytes>,
    pub(super) closing: watch::Receiver<Option<Close>>,
}

/// A failure to post a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The connection never existed, is closed, or was closed because its client did not read.
    #[error("the connection is closed")]
    Gone,
    #[error("the message is larger than 128 KB")]
    TooLarge,
}

impl Connections {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared { limits, open: Mutex::new(HashMap::new()) }))
    }

    /// Queues a message for the socket. If the queue stays full for [`Limits::slow_client_timeout`], closes the socket.
    pub async fn post(&self, id: &str, message: Bytes) -> Result<(), PostError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(PostError::TooLarge);
        }
        let connection = self.get(id).ok_or(PostError::Gone)?;
        match timeout(self.0.limits.slow_client_timeout, connection.queue.send(message)).await {
            Ok(Ok(())) => {
                connection.last_active.store(OffsetDateTime::now_utc().unix_timestamp(), Ordering::Relaxed);
                Ok(())
            }
            Ok(Err(_closed)) => Err(PostError::Gone),
            Err(_elapsed) => {
                self.close(id, Close { code: 1008, reason: "Slow reader" });
                Err(PostError::Gone)
            }
        }
    }

    /// The ids of the open connections.
    pub fn ids(&self) -> Vec<String> {
        self.open().keys().cloned().collect()
    }

    /// The number of open connections.
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// A new connection id in AWS's form: 15 characters of base64 and a `=`, which a URL must escape.
    pub(super) fn new_id() -> String {
        // The last byte of the time and all ten random ones.
        URL_SAFE.encode(&Ulid::generate().to_bytes()[5..])
    }

    /// Adds a connection, from then on open to posts; messages wait in its queue until the socket is ready.
    pub(super) fn insert(&self, id: &str, info: ConnectionInfo) -> SocketReceiver {
        let (sender, queue) = mpsc::channel(MAX_QUEUED_MESSAGES);
        let (closer, closing) = watch::channel(None);
        let last_active = AtomicI64::new(info.last_active_at.unix_timestamp());
        let connection = Connection { queue: sender, closing: closer, info, last_active };
        self.open().insert(id.to_owned(), Arc::new(connection));
        SocketReceiver { queue, closing }
    }

    pub(super) fn info(&self, id: &str) -> Option<ConnectionInfo> {
        let connection = self.get(id)?;
        let last_active = connection.last_active.load(Ordering::Relaxed);
        let mut info = connection.info.clone();
        info.last_active_at = OffsetDateTime::from_unix_timestamp(last_active).unwrap_or(info.last_active_at);
        Some(info)
    }

    /// Removes the connection at once and asks its socket to close. Returns false if there is no such connection.
    pub(super) fn close(&self, id: &str, close: Close) -> bool {
        let Some(connection) = self.open().remove(id) else {
            return false;
        };
        connection.closing.send_replace(Some(close));
        true
    }

    pub(super) fn close_all(&self) {
        for (_, connection) in self.open().drain() {
            connection.closing.send_replace(Some(Close { code: 1001, reason: "Going away" }));
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.open().get(id).map(Arc::clone)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
