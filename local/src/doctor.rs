//! `switchboard doctor`: the things in a deployment that need attention, one line each.

mod chatbot;
mod facts;
mod rest;
mod server;
mod stack;

use std::path::Path;

use clap::Args;
use shared::Clock;

use self::{facts::Facts, server::Server};
use crate::{Error, data_dir, stack::Stack, table::Remote};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Check the deployment with this REST API, by REST alone.
    #[arg(long, value_name = "URL", requires = "token", conflicts_with = "aws")]
    url: Option<String>,
    /// Bearer token of an agent or admin of that deployment; its tenant is checked.
    #[arg(long, requires = "url")]
    token: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Doctor {
    /// The findings; none if nothing needs attention.
    pub(crate) async fn run(&self, data_dir: &Path) -> Result<Vec<String>, Error> {
        let now = Clock::system().now();
        if let (Some(url), Some(token)) = (&self.url, &self.token) {
            return Ok(rest::facts(url, token, now).await?.findings(now, &Server::default()));
        }
        if let Some(stack) = &self.remote.stack {
            return stack::findings(&Stack::open(stack, &self.remote.account).await?, now).await;
        }
        let running = data_dir::endpoints(data_dir).ok();
        let (store, _lock) = self.remote.open(data_dir).await?;
        if self.remote.is_named() {
            return Ok(Facts::of_table(&store, now).await?.findings(now, &Server::default()));
        }
        let mut facts = Facts::of_table(&store, now).await?;
        let Some(endpoints) = running else {
            // Nothing is done while nothing runs.
            facts.overdue.clear();
            return Ok(facts.findings(now, &Server::default()));
        };
        let server = Server::inspected(&endpoints, facts.models()).await?;
        let mut findings = server.findings.clone();
        findings.extend(facts.findings(now, &server));
        Ok(findings)
    }
}
