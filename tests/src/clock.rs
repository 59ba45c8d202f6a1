//! A clock that a test can move forward.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use shared::{Clock, domain::At};

/// The functions' clock: the machine's time plus the time that it was moved forward by.
#[derive(Clone, Default)]
pub struct Turned(Arc<AtomicU64>);

impl Turned {
    pub fn by(&self, ahead: Duration) {
        self.0.fetch_add(ahead.as_secs(), SeqCst);
    }

    /// The time that it was moved forward by.
    pub fn ahead(&self) -> Duration {
        Duration::from_secs(self.0.load(SeqCst))
    }

    pub fn clock(&self) -> Clock {
        let turned = self.clone();
        Clock::new(move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            At::from_millis(0) + now + turned.ahead()
        })
    }
}
