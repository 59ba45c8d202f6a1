//! A deployed stack: its outputs and parameters, read from CloudFormation.

#[cfg(feature = "stack")]
mod cloud;
#[cfg(not(feature = "stack"))]
#[path = "stack/no_cloud.rs"]
mod cloud;
mod error;
mod rest;
mod status;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use shared::store::Store;

pub use self::error::StackError;
pub(crate) use self::{
    cloud::Cloud,
    rest::{SignedBy, rest_error},
};
use crate::{Tokens, account::Account};

/// The least length of a secret that signs tokens, in bytes, as the authorizer demands it.
const MIN_SECRET_LENGTH: usize = 32;

/// A stack that is deployed whole.
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) cloud: Cloud,
    outputs: HashMap<String, String>,
    parameters: HashMap<String, String>,
}

/// A stack as CloudFormation describes it.
pub(crate) struct Description {
    /// CloudFormation's word, such as `UPDATE_COMPLETE`.
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) outputs: HashMap<String, String>,
    /// Without the secret ones.
    pub(crate) parameters: HashMap<String, String>,
}

/// The issuer of the tokens that a stack accepts.
pub(crate) enum Issuer {
    /// Everybody who has the shared secret, as this signer has.
    Secret(Tokens),
    /// An identity provider, with the keys at this URL.
    Provider(String),
}

impl Stack {
    /// Reads the stack. One that is being created or changed, or whose creation failed, is an error.
    pub(crate) async fn open(name: &str, account: &Account) -> Result<Self, StackError> {
        let cloud = Cloud::connect(account).await?;
        let Description { status, status_reason, outputs, parameters } = cloud.describe(name).await?;
        status::require_usable(name, &status, status_reason.as_deref())?;
        Ok(Self { name: name.to_owned(), cloud, outputs, parameters })
    }

    /// The value of an output of `template.yaml`.
    pub(crate) fn output(&self, name: &'static str) -> Result<&str, StackError> {
        let missing = || StackError::NoOutput { stack: self.name.clone(), output: name };
        self.outputs.get(name).map(String::as_str).ok_or_else(missing)
    }

    /// The value of a parameter of `template.yaml`; `None` if it is empty, secret, or not among the stack's.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The required `iss` and `aud` of a token.
    pub(crate) fn issuer_and_audience(&self) -> (&str, &str) {
        let expected = |name| self.parameter(name).unwrap_or(crate::tokens::ISSUER);
        (expected("JwtIssuer"), expected("JwtAudience"))
    }

    pub(crate) async fn issuer(&self) -> Result<Issuer, StackError> {
        if let Some(url) = self.parameter("JwtJwksUrl") {
            return Ok(Issuer::Provider(url.to_owned()));
        }
        let arn = self.output("JwtSecretArn")?;
        let secret = self.cloud.secret(arn).await?;
        if secret.len() < MIN_SECRET_LENGTH {
            return Err(StackError::ShortSecret(arn.to_owned()));
        }
        let (issuer, audience) = self.issuer_and_audience();
        Ok(Issuer::Secret(Tokens::issued_by(issuer, audience, secret)))
    }

    /// The signer of tokens; an error if an identity provider signs them.
    pub(crate) async fn tokens(&self) -> Result<Tokens, StackError> {
        match self.issuer().await? {
            Issuer::Secret(tokens) => Ok(tokens),
            Issuer::Provider(url) => {
                let (issuer, audience) = self.issuer_and_audience();
                let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
                Err(StackError::IssuedElsewhere { stack: self.name.clone(), url, issuer, audience })
            }
        }
    }

    pub(crate) fn table(&self) -> Result<Store, StackError> {
        Ok(Store::new(Client::new(self.cloud.config()), self.output("TableName")?.to_owned()))
    }
}
