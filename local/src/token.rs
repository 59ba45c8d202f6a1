//! `switchboard token`: a token of a laptop or a stack.

use std::{path::Path, time::Duration};

use clap::{Args, ValueEnum};

use crate::{Error, account::Account, data_dir, stack::Stack};

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Tenant of the caller.
    #[arg(long)]
    tenant: String,
    /// Role of the caller.
    #[arg(long)]
    role: Role,
    /// User id of the caller: the token's `sub`.
    #[arg(long)]
    sub: String,
    /// Hours until the token expires [default: 720; with --stack 8].
    #[arg(long)]
    hours: Option<u32>,
    /// Sign for this stack on AWS, with its secret, instead of for the data directory.
    #[arg(long, value_name = "NAME", group = "aws")]
    stack: Option<String>,
    #[command(flatten)]
    account: Account,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Customer,
    Agent,
    Admin,
}

impl Token {
    pub(crate) async fn run(&self, data_dir: &Path) -> Result<String, Error> {
        let tokens = match &self.stack {
            Some(stack) => Stack::open(stack, &self.account).await?.tokens().await?,
            None => data_dir::tokens(data_dir)?,
        };
        let tokens = match self.hours {
            Some(hours) => tokens.valid_for(Duration::from_hours(hours.into())),
            None => tokens,
        };
        let role = match self.role {
            Role::Customer => "customer",
            Role::Agent => "agent",
            Role::Admin => "admin",
        };
        Ok(tokens.token(&self.tenant, role, &self.sub))
    }
}
