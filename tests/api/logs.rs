//! The log of a test, kept so that the test can read it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use tests::log_privacy::Log;
use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// A second subscriber, which keeps nothing. With one alone, tracing asks the thread that first comes to a line of code
/// if anybody wants its events, and if that thread has none, nobody ever gets them.
static SECOND: OnceLock<Dispatch> = OnceLock::new();

/// Everything that is logged on a thread.
#[derive(Clone, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Keeps what this thread logs and `filter` admits, until the guard is dropped.
    pub(super) fn kept(filter: &str) -> (Self, DefaultGuard) {
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::new()));
        let logs = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_writer(logs.clone())
            .with_ansi(false)
            .without_time()
            .finish();
        (logs, tracing::subscriber::set_default(subscriber))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        let lines = self.text().lines().map(str::to_owned).collect();
        self.0.lock().unwrap().clear();
        lines
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        // What a test keeps for itself is private all the same.
        Log.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logs {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}
