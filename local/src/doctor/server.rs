//! The OpenAI server of the instance on this machine, as far as findings depend on it.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, stream};
use shared::openai::{Model, ModelCheck, OpenAi, RetryPolicy, Settings, parse_base_url};
use tokio::time::timeout;

use crate::{Endpoints, Error, Inspection, environment::variable};

/// The key for the stand-in, which takes any but not none.
const ANY_KEY: &str = "standin";

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_CONCURRENT_CHECKS: usize = 8;

/// A server that nobody has asked says nothing: it has no findings, and no model is missing.
#[derive(Default)]
pub(super) struct Server {
    pub(super) findings: Vec<String>,
    models: Vec<Model>,
    missing: BTreeSet<String>,
}

impl Server {
    /// Inspects the running instance's server, with `OPENAI_API_KEY`, and checks these models.
    pub(super) async fn inspected(endpoints: &Endpoints, models: impl Iterator<Item = &str>) -> Result<Self, Error> {
        let url = &endpoints.openai_url;
        let base_url = || parse_base_url(url).map_err(|_| Error::OpenAiUrl(url.clone()));
        let api_key = match variable("OPENAI_API_KEY") {
            Some(key) => key,
            None if endpoints.is_standin => ANY_KEY.to_owned(),
            None => String::new(),
        };
        let inspection = Inspection::of(base_url()?, &api_key, Some(endpoints.memory)).await?;
        let retry_policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let http = retry_policy.http().map_err(Error::http)?;
        let openai = OpenAi::new(http, Settings { base_url: base_url()?, api_key: api_key.into(), retry_policy });
        let unlisted: BTreeSet<&str> =
            models.filter(|model| !inspection.models.iter().any(|listed| listed.may_answer_to(model))).collect();
        let unlisted = if inspection.models.is_empty() { BTreeSet::new() } else { unlisted };
        let check = async |model: &str| {
            let checked = timeout(CHECK_TIMEOUT, openai.model_check(model)).await;
            matches!(checked, Ok(Ok(ModelCheck::Unknown))).then(|| model.to_owned())
        };
        let missing = stream::iter(unlisted).map(check).buffer_unordered(MAX_CONCURRENT_CHECKS);
        Ok(Self {
            missing: missing.filter_map(std::future::ready).collect().await,
            findings: inspection.findings.iter().map(ToString::to_string).collect(),
            models: inspection.models,
        })
    }

    pub(super) fn lacks(&self, model: &str) -> bool {
        self.missing.contains(model)
    }

    /// `YYYY-MM-DD`, if the server lists the model with such a date.
    pub(super) fn shutdown_date(&self, model: &str) -> Option<&str> {
        self.models.iter().find(|listed| listed.id == model)?.shutdown_date.as_deref()
    }
}
