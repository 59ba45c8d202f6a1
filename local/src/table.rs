//! The table that a command reads: on AWS, of a running instance, or of a stopped one.

use std::path::Path;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Region},
};
use clap::Args;
use shared::store::Store;

use crate::{DataDir, Error, TABLE, account::Account, data_dir, dynamo, in_process::REGION, share, stack::Stack};

/// Options that name a table on AWS instead of the data directory's.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// Check the stack of this name on AWS, with the credentials and region of the environment.
    #[arg(long, value_name = "NAME", group = "aws")]
    pub(crate) stack: Option<String>,
    /// Check a table on AWS, with the credentials and region of the environment.
    #[arg(long, value_name = "NAME", group = "aws")]
    table: Option<String>,
    #[command(flatten)]
    pub(crate) account: Account,
}

impl Remote {
    /// True if the options name one.
    pub(crate) fn is_named(&self) -> bool {
        self.stack.is_some() || self.table.is_some()
    }

    /// Opens the table that the options name, else the data directory's: a running instance's through its port, or the
    /// file, locked as long as the second value lives.
    pub(crate) async fn open(&self, data_dir: &Path) -> Result<(Store, Option<DataDir>), Error> {
        if let Some(stack) = &self.stack {
            return Ok((Stack::open(stack, &self.account).await?.table()?, None));
        }
        match &self.table {
            Some(name) => Ok((Store::new(Client::new(&self.account.config().await), name.to_owned()), None)),
            None => local(data_dir).await,
        }
    }
}

/// The data directory's table.
async fn local(data_dir: &Path) -> Result<(Store, Option<DataDir>), Error> {
    if data_dir::endpoints(data_dir).is_ok()
        && let Some(url) = share::ask(data_dir, None).await?.database_url
    {
        let key = data_dir::tokens(data_dir)?.access_key();
        let credentials = Credentials::builder().access_key_id(key.id()).secret_access_key(key.secret());
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials.provider_name("switchboard").build())
            .endpoint_url(url);
        return Ok((Store::new(Client::from_conf(config.build()), TABLE.to_owned()), None));
    }
    let locked = DataDir::existing(data_dir)?;
    Ok((Store::new(dynamo::client(&locked.database()?), TABLE.to_owned()), Some(locked)))
}
