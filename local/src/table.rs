//! The table that a command reads: on AWS, of a running instance, or of a stopped one.

use std::path::Path;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Region},
};
use shared::store::Store;

use crate::{DataDir, Error, TABLE, data_dir, dynamo, in_process::REGION};

/// Opens the table `name` on AWS, with the credentials and region of the environment; without a name, the data
/// directory's: a running instance's through its port, else the file, locked as long as the second value lives.
pub(crate) async fn open(name: Option<&str>, data_dir: &Path) -> Result<(Store, Option<DataDir>), Error> {
    if let Some(name) = name {
        let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
        return Ok((Store::new(Client::new(&aws), name.to_owned()), None));
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

/// Credentials for the database's port, which requires a signature but accepts any.
fn any_credentials() -> Credentials {
    Credentials::builder().access_key_id("local").secret_access_key("local").provider_name("switchboard").build()
}
