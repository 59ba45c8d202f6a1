//! The reads of threads that a process has written entries of.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{At, ThreadId};

/// The time in which a function writes one entry for all reads of a thread by the same person.
const READ_ENTRY_COVERS: Duration = Duration::from_mins(10);

/// The most reads that a function remembers.
const MAX_READS_REMEMBERED: usize = 10_000;

/// A tenant, its thread, and the reader.
pub(crate) type Read = (String, ThreadId, String);

/// The reads that a function has written entries of, and the times.
#[derive(Clone, Default)]
pub struct AuditedReads(Arc<Mutex<HashMap<Read, At>>>);

impl AuditedReads {
    pub(crate) fn covers(&self, key: &Read, now: At) -> bool {
        let reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reads.get(key).is_some_and(|written| now < *written + READ_ENTRY_COVERS)
    }

    pub(crate) fn remember(&self, key: Read, now: At) {
        let mut reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reads.len() >= MAX_READS_REMEMBERED {
            reads.retain(|_, written| now < *written + READ_ENTRY_COVERS);
            if reads.len() >= MAX_READS_REMEMBERED {
                reads.clear();
            }
        }
        reads.insert(key, now);
    }
}
