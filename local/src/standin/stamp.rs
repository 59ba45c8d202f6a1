//! The ids and times that the stand-in gives to new objects.

use std::{
    sync::{LazyLock, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use ulid::Ulid;

/// An id that no other start of the stand-in gives: a laptop's table outlives this memory and must not meet its ids
/// again. Later ones are greater, within a millisecond too.
pub(super) fn new_id(prefix: &str) -> String {
    static LAST: LazyLock<Mutex<Ulid>> = LazyLock::new(|| Mutex::new(Ulid::generate()));
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    *last = last.increment().unwrap_or_else(|carried| carried);
    format!("{prefix}_{}", last.to_string().to_lowercase())
}

/// Now, in seconds since 1970, as the wire has it.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
