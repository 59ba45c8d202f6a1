//! The AWS account of a command: credentials and region of the environment, or those that options name.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use clap::Args;

/// Options of a command on AWS. Both need an option of the group `aws`, which names what the command works on.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Account {
    /// AWS region [default: the environment's or the profile's].
    #[arg(long, requires = "aws")]
    region: Option<String>,
    /// Profile of the AWS configuration [default: the environment's].
    #[arg(long, requires = "aws", value_name = "NAME")]
    profile: Option<String>,
}

impl Account {
    /// The configuration of the SDK's clients. Nothing is checked yet: without credentials, a client's calls fail.
    pub(crate) async fn config(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        loader.load().await
    }
}
