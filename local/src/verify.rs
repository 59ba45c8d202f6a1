//! `switchboard verify`: a check that all threads keep the invariants.

use std::path::Path;

use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use shared::{Clock, domain::ThreadId, store::Store, verify::Report};

use crate::{Error, demo, table::Remote};

/// Threads read per page of the list.
const PAGE_SIZE: usize = 100;
/// Threads verified at the same time.
const MAX_CONCURRENT_THREADS: usize = 8;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Tenant whose threads are checked.
    #[arg(long, default_value = demo::TENANT)]
    tenant: String,
    /// Check only this thread.
    #[arg(long, value_name = "ID")]
    thread: Option<ThreadId>,
    #[command(flatten)]
    remote: Remote,
}

impl Verify {
    /// Checks every thread, and reports those that break an invariant. Writes nothing, so it may run at any time.
    pub(crate) async fn run(&self, data_dir: &Path) -> Result<String, Error> {
        let (store, _lock) = self.remote.open(data_dir).await?;
        let reports = match &self.thread {
            Some(id) => self.report(&store, id).await?.into_iter().collect(),
            None => self.all(&store).await?,
        };
        if let (Some(id), true) = (&self.thread, reports.is_empty()) {
            return Err(Error::NoThread(id.clone()));
        }
        let messages: usize = reports.iter().map(|report| report.messages).sum();
        let violations: Vec<String> = reports
            .iter()
            .filter_map(|report| Some(format!("{}: {}", report.thread, report.violation.as_ref()?)))
            .collect();
        if violations.is_empty() {
            let count = |number: usize, what| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
            let (threads, messages) = (count(reports.len(), "thread"), count(messages, "message"));
            return Ok(format!("{threads}, {messages}: every invariant holds."));
        }
        let (threads, checked) = (violations.len(), reports.len());
        Err(Error::Violations { threads, checked, violations: violations.join("\n") })
    }

    async fn all(&self, store: &Store) -> Result<Vec<Report>, Error> {
        let (mut reports, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.thread_list_of_tenant(&self.tenant, None, cursor, PAGE_SIZE).await?;
            let checked = stream::iter(&page.threads)
                .map(|(thread, _)| self.report(store, &thread.id))
                .buffered(MAX_CONCURRENT_THREADS)
                .try_collect::<Vec<_>>();
            // A thread that was deleted meanwhile has no report.
            reports.extend(checked.await?.into_iter().flatten());
            cursor = page.next;
            if cursor.is_none() {
                return Ok(reports);
            }
        }
    }

    async fn report(&self, store: &Store, id: &ThreadId) -> Result<Option<Report>, Error> {
        Ok(store.thread_verify(&self.tenant, id, Clock::system().now()).await?)
    }
}
