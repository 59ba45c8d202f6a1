//! The few calls to AWS that need no SDK: reading a secret of Secrets Manager, and publishing to an SNS topic.
//!
//! Each is one signed request; the SDK for it would be most of a small function.
//!
//! **Architecture invariant.** No AWS SDK, because the authorizer has none, and no secret is ever logged.

mod secret;
mod secrets_manager;
mod signed;
mod topic;

pub use secret::{MAX_AGE, Secret};
pub use secrets_manager::{SecretsManager, Unavailable};
pub use signed::{CallError, Misconfigured};
pub use topic::{Publication, Topic};
