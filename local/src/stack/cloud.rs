//! AWS as the commands on a stack use it: CloudFormation, Secrets Manager, and the pages' bucket in S3.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};

use super::{Description, StackError};
use crate::{account::Account, error::innermost, pages::Page};

/// The metadata of an uploaded page in which its fingerprint is kept. An `ETag` would do for the content, but not for
/// the headers, and it is no hash of the content where a key of KMS encrypts the bucket.
const FINGERPRINT: &str = "fingerprint";

/// AWS's codes for credentials that it does not know, or no longer accepts.
const REJECTED: [&str; 9] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// AWS's codes for credentials that may not do this.
const DENIED: [&str; 4] = ["AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"];

pub(crate) struct Cloud {
    config: SdkConfig,
    region: String,
    formation: aws_sdk_cloudformation::Client,
    secrets: aws_sdk_secretsmanager::Client,
    s3: aws_sdk_s3::Client,
}

impl Cloud {
    /// Finds region and credentials. They are tried at the first call.
    pub(crate) async fn connect(account: &Account) -> Result<Self, StackError> {
        let config = account.config().await;
        let region = config.region().ok_or(StackError::NoRegion)?.to_string();
        let missing = || StackError::NoCredentials("none are configured".to_owned());
        let provider = config.credentials_provider().ok_or_else(missing)?;
        provider.provide_credentials().await.map_err(|error| StackError::NoCredentials(innermost(&error)))?;
        Ok(Self {
            region,
            formation: aws_sdk_cloudformation::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            config,
        })
    }

    /// The configuration for further clients.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    pub(crate) async fn describe(&self, name: &str) -> Result<Description, StackError> {
        let no_stack = || StackError::NoStack { stack: name.to_owned(), region: self.region.clone() };
        let described = self.formation.describe_stacks().stack_name(name).send().await;
        let described = described.map_err(|error| match error.message() {
            Some(message) if message.contains("does not exist") => no_stack(),
            _ => self.failed("cloudformation:DescribeStacks".to_owned(), &error),
        })?;
        let stack = described.stacks.unwrap_or_default().into_iter().next().ok_or_else(no_stack)?;
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        Ok(Description {
            status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            status_reason: stack.stack_status_reason,
            outputs: outputs.filter_map(|output| output.output_key.zip(output.output_value)).collect(),
            parameters: parameters
                .filter_map(|parameter| parameter.parameter_key.zip(parameter.parameter_value))
                .collect(),
        })
    }

    /// The text of a secret.
    pub(crate) async fn secret(&self, arn: &str) -> Result<String, StackError> {
        let value = self.secrets.get_secret_value().secret_id(arn).send().await;
        let value = value.map_err(|error| match error.code() {
            // The latter: it is to be deleted.
            Some("ResourceNotFoundException" | "InvalidRequestException") => StackError::NoSecret(arn.to_owned()),
            _ => self.failed(format!("secretsmanager:GetSecretValue on {arn}"), &error),
        })?;
        value.secret_string.ok_or_else(|| StackError::EmptySecret(arn.to_owned()))
    }

    /// The content of a page in the bucket, if it is there.
    pub(crate) async fn page(&self, bucket: &str, name: &str) -> Result<Option<Vec<u8>>, StackError> {
        match self.s3.get_object().bucket(bucket).key(name).send().await {
            Ok(found) => {
                let content = found.body.collect().await;
                let cause = |error| StackError::Failed { action: format!("s3:GetObject on {name}"), cause: error };
                content.map(|bytes| Some(bytes.to_vec())).map_err(|error| cause(innermost(&error)))
            }
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(self.refused_by_bucket(bucket, "s3:GetObject", &error)),
        }
    }

    /// Uploads a page unless the bucket has it as it is, headers included. True if it was uploaded.
    pub(crate) async fn put_page_if_changed(&self, bucket: &str, page: &Page) -> Result<bool, StackError> {
        let fingerprint = page.fingerprint();
        match self.s3.head_object().bucket(bucket).key(&page.name).send().await {
            Ok(head) if head.metadata().and_then(|metadata| metadata.get(FINGERPRINT)) == Some(&fingerprint) => {
                return Ok(false);
            }
            Ok(_) => {}
            // The answer to HEAD has no body, so a missing bucket looks the same. The upload tells.
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(self.refused_by_bucket(bucket, "s3:HeadObject", &error)),
        }
        let put = self.s3.put_object().bucket(bucket).key(&page.name).metadata(FINGERPRINT, fingerprint);
        let put = put.content_type(page.content_type()).cache_control(Page::CACHE_CONTROL);
        put.body(ByteStream::from(page.content.clone()))
            .send()
            .await
            .map(|_| true)
            .map_err(|error| self.refused_by_bucket(bucket, "s3:PutObject", &error))
    }

    fn refused_by_bucket<E>(&self, bucket: &str, action: &str, error: &SdkError<E>) -> StackError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let is_denied = status(error) == Some(403) && !error.code().is_some_and(|code| REJECTED.contains(&code));
        match error.code() {
            Some("NoSuchBucket") => StackError::NoBucket(bucket.to_owned()),
            _ if is_denied => StackError::BucketDenied {
                bucket: bucket.to_owned(),
                cause: error.message().map_or_else(|| format!("status 403 for {action}"), str::to_owned),
            },
            _ => self.failed(format!("{action} on {bucket}"), error),
        }
    }

    /// The error of a call; `action` is the permission that it needs.
    fn failed<E>(&self, action: String, error: &SdkError<E>) -> StackError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let Some(code) = error.code() else {
            let cause = innermost(error);
            return match status(error) {
                Some(status) => StackError::Failed { action, cause: format!("status {status}, {cause}") },
                None => StackError::Unreachable { action, region: self.region.clone(), cause },
            };
        };
        let message = error.message().unwrap_or_default();
        let cause = if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
        match code {
            _ if REJECTED.contains(&code) => StackError::RejectedCredentials(cause),
            _ if DENIED.contains(&code) => StackError::Denied { action, cause },
            _ => StackError::Failed { action, cause },
        }
    }
}

/// The HTTP status of the answer, if there was one.
fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
