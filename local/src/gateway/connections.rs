//! The open sockets, and what can be done to one from outside: post, look, close.

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

/// The longest message either way, in bytes.
pub(super) const MAX_MESSAGE_BYTES: usize = 128 * 1024;
/// Messages that may wait for one slow socket.
const MAX_QUEUED_MESSAGES: usize = 256;

/// All open sockets of one gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    open: Mutex<HashMap<String, Arc<Connection>>>,
}

/// The side of a socket that others hold.
#[derive(Debug)]
struct Connection {
    queue: mpsc::Sender<Bytes>,
    closing: watch::Sender<Option<Close>>,
    info: ConnectionInfo,
    /// Unix seconds.
    last_active: AtomicI64,
}

/// What `GET /@connections/{id}` tells.
#[derive(Clone, Debug)]
pub(super) struct ConnectionInfo {
    pub(super) connected_at: OffsetDateTime,
    pub(super) last_active_at: OffsetDateTime,
    pub(super) source_ip: String,
    pub(super) user_agent: String,
}

/// Why the server ends a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

/// The socket's own side.
pub(super) struct SocketReceiver {
    pub(super) queue: mpsc::Receiver<Bytes>,
    pub(super) closing: watch::Receiver<Option<Close>>,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Never opened, closed, or given up because it did not read.
    #[error("the connection is closed")]
    Gone,
    #[error("the message is larger than 128 KB")]
    TooLarge,
}

impl Connections {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared { limits, open: Mutex::new(HashMap::new()) }))
    }

    /// Queues a message for the socket. Waits for room no longer than [`Limits::slow_client_timeout`], then gives the socket up.
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

    /// The ids of the open sockets.
    pub fn ids(&self) -> Vec<String> {
        self.open().keys().cloned().collect()
    }

    /// How many sockets are open.
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// An id of AWS's form: 15 characters of base64 and a `=`, which a URL must escape.
    pub(super) fn new_id() -> String {
        // The last byte of the time and all ten random ones.
        URL_SAFE.encode(&Ulid::generate().to_bytes()[5..])
    }

    /// From here on the socket can be posted to; what comes before it is ready waits in its queue.
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

    /// Forgets the socket at once and asks it to end. False where there is none.
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
