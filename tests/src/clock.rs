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

    pub fn clock(&self) -> Clock {
        let ahead = Arc::clone(&self.0);
        Clock::new(move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            At::from_millis(0) + now + Duration::from_secs(ahead.load(SeqCst))
        })
    }
}
