//! Writing the audit trail.

use crate::{
    App, Error,
    domain::{
        AuditId, Identity, Thread, ThreadId, ThreadMetadata,
        audit::{AuditEntry, AuditedAct},
        thread::Changed,
    },
};

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
