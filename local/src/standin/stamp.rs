//! The ids and times that the stand-in gives to new objects.

use std::{
    sync::{LazyLock, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use ulid::Ulid;

/// A new id, unique across restarts, because a laptop's table outlives the stand-in's memory and refers to its ids.
/// Later ids are greater, also within a millisecond.
pub(super) fn new_id(prefix: &str) -> String {
    static LAST: LazyLock<Mutex<Ulid>> = LazyLock::new(|| Mutex::new(Ulid::generate()));
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    *last = last.increment().unwrap_or_else(|carried| carried);
    format!("{prefix}_{}", last.to_string().to_lowercase())
}

/// The current time in Unix seconds, as OpenAI reports it.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
