//! `switchboard init`: what a stack needs after its deployment, and again after an upgrade.

mod chatbot;
mod pages;
mod report;

use clap::Args;

use self::chatbot::{DemoStep, Previous};
use crate::{
    Error,
    account::Account,
    demo,
    stack::{Issuer, SignedBy, Stack},
};

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Name of the stack, as it was given to `sam deploy`.
    #[arg(long, value_name = "NAME", group = "aws")]
    stack: String,
    #[command(flatten)]
    account: Account,
    /// Tenant of the demo chatbot and of the printed tokens.
    #[arg(long, default_value = demo::TENANT)]
    tenant: String,
    /// Model of the demo chatbot [default: one that the OpenAI server lists].
    #[arg(long, conflicts_with = "no_chatbot")]
    model: Option<String>,
    /// Token of an admin of the tenant, for a stack whose tokens your identity provider issues. In the environment it
    /// is not listed among the processes.
    #[arg(long, env = "SWITCHBOARD_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Create no demo chatbot, and show none on the demo page.
    #[arg(long)]
    no_chatbot: bool,
    /// Upload the pages and nothing else, without printing a token: for a pipeline. The demo page stays as it is.
    #[arg(long, conflicts_with_all = ["model", "token", "no_chatbot"])]
    pages_only: bool,
}

impl Init {
    /// Uploads the pages, then creates the chatbot: where the REST API fails, the console's pages are there already.
    pub(crate) async fn run(&self, print: impl Fn(&str) -> Result<(), Error>) -> Result<(), Error> {
        let stack = Stack::open(&self.stack, &self.account).await?;
        let urls = report::Urls::of(&stack)?;
        let issuer = if self.pages_only { None } else { Some(stack.issuer().await?) };
        let bucket = stack.output("PagesBucketName")?;
        let config = pages::Config::of(&stack)?;
        let mut upload = pages::upload(&stack.cloud, bucket).await?;
        let previous = Previous::read(&stack.cloud, bucket).await?;
        let step = DemoStep { init: self, stack: &stack, previous };
        let (chatbot, failure) = match &issuer {
            None => (step.kept(), None),
            Some(issuer) => match step.run(self.admin(issuer)).await {
                Ok(chatbot) => (chatbot, None),
                Err(error) => (step.kept(), Some(error)),
            },
        };
        let config = config.page(chatbot.shown.as_ref());
        upload.add(config.name.clone(), stack.cloud.put_page_if_changed(bucket, &config).await?);
        print(&upload.report(&self.stack, stack.cloud.region(), urls.pages))?;
        if let Some(error) = failure {
            return Err(error);
        }
        let Some(issuer) = issuer else { return Ok(()) };
        print(&report::introduction(&stack, &self.tenant, &issuer, &urls, &chatbot))
    }

    /// An admin's token, if there is one.
    fn admin(&self, issuer: &Issuer) -> Option<(String, SignedBy)> {
        match (&self.token, issuer) {
            (Some(token), _) => Some((token.clone(), SignedBy::Other)),
            (None, Issuer::Secret(tokens)) => Some((tokens.token(&self.tenant, "admin", "ada"), SignedBy::Secret)),
            (None, Issuer::Provider(_)) => None,
        }
    }
}
