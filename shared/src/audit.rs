//! Writing the audit trail.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    App, Error,
    domain::{
        At, AuditId, Identity, Thread, ThreadId, ThreadMetadata,
        audit::{AuditEntry, AuditedAct},
        thread::Changed,
    },
};

/// The time in which a function writes one entry for all reads of a thread by the same person.
const READ_ENTRY_COVERS: Duration = Duration::from_mins(10);

/// The most reads that a function remembers.
const MAX_READS_REMEMBERED: usize = 10_000;

/// A tenant, its thread, and the reader.
type Read = (String, ThreadId, String);

/// The reads that a function has written entries of, and the times.
#[derive(Clone, Default)]
pub struct AuditedReads(Arc<Mutex<HashMap<Read, At>>>);

impl AuditedReads {
    fn covers(&self, key: &Read, now: At) -> bool {
        let reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reads.get(key).is_some_and(|written| now < *written + READ_ENTRY_COVERS)
    }

    fn remember(&self, key: Read, now: At) {
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

impl App {
    /// A new entry of what an agent or admin does now; `None` for customers.
    pub fn audit_entry(&self, identity: &Identity, act: AuditedAct) -> Option<AuditEntry> {
        AuditEntry::of(identity, act, AuditId::new(self.ulid()), self.now())
    }

    /// The entry of a change of owner by an agent or admin.
    pub fn audit_of_change(&self, identity: &Identity, changed: &Changed) -> Option<AuditEntry> {
        let act = changed.message.event.as_ref().and_then(AuditedAct::of)?;
        self.audit_entry(identity, act).map(|entry| entry.about_thread(&changed.thread.id))
    }

    /// The entry of an act on a thread by an agent or admin.
    pub fn audit_of_thread(&self, identity: &Identity, act: AuditedAct, thread: &Thread) -> Option<AuditEntry> {
        self.audit_entry(identity, act).map(|entry| entry.about_thread(&thread.id))
    }

    /// The thread of [`App::thread`], for a caller who is shown its texts: an agent or admin leaves an entry.
    pub async fn thread_read(&self, identity: &Identity, id: &ThreadId) -> Result<(Thread, ThreadMetadata), Error> {
        let found = self.thread(identity, id).await?;
        self.audit_read(identity, id).await?;
        Ok(found)
    }

    /// Writes an entry that an agent or admin reads a thread, unless this function has written one a moment ago. The
    /// thread is there. Nothing of it is shown before, nor where this fails, so that nothing is read without an entry.
    pub async fn audit_read(&self, identity: &Identity, id: &ThreadId) -> Result<(), Error> {
        let Some(entry) = self.audit_entry(identity, AuditedAct::ThreadRead) else { return Ok(()) };
        let (entry, now) = (entry.about_thread(id), self.now());
        let key = (identity.tenant.clone(), id.clone(), identity.subject.clone());
        if self.audited_reads.covers(&key, now) {
            return Ok(());
        }
        self.store.audit_put(&identity.tenant, &entry).await?;
        self.audited_reads.remember(key, now);
        Ok(())
    }
}
