//! `switchboard verify`: a check that all threads keep the invariants.

use std::path::Path;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Region},
};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use shared::{Clock, domain::ThreadId, store::Store, verify::Report};

use crate::{DataDir, Error, TABLE, data_dir, demo, dynamo, in_process::REGION};

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
    /// Check a table on AWS instead of the data directory's, with the credentials and region of the environment.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl Verify {
    /// Checks every thread, and reports those that break an invariant. Writes nothing, so it may run at any time.
    pub(crate) async fn run(&self, data_dir: &Path) -> Result<String, Error> {
        let (store, _lock) = self.store(data_dir).await?;
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

    /// The table on AWS if one is named; else the running instance's, through its port; else the file of a stopped
    /// instance, locked as long as the second value lives.
    async fn store(&self, data_dir: &Path) -> Result<(Store, Option<DataDir>), Error> {
        if let Some(table) = &self.table {
            let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
            return Ok((Store::new(Client::new(&aws), table.clone()), None));
        }
        if let Ok(endpoints) = data_dir::endpoints(data_dir)
            && let Some(url) = endpoints.database_url
        {
            let config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .credentials_provider(any_credentials())
                .endpoint_url(url);
            return Ok((Store::new(Client::from_conf(config.build()), TABLE.to_owned()), None));
        }
        let locked = DataDir::existing(data_dir)?;
        Ok((Store::new(dynamo::client(&locked.database()?), TABLE.to_owned()), Some(locked)))
    }
}

/// Credentials for the database's port, which requires a signature but accepts any.
fn any_credentials() -> Credentials {
    Credentials::builder().access_key_id("local").secret_access_key("local").provider_name("verify").build()
}
