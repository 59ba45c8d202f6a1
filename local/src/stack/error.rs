//! Errors of commands on a deployed stack. Each says what to do.

/// The way to this checkout's template.
const DEPLOY: &str = "`sam build && sam deploy`";

#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error(
        "this switchboard was built without its commands on a stack; in the checkout, run \
         `cargo run --features stack -- …` instead of `cargo run -- …`"
    )]
    NotBuilt,
    #[error(
        "no AWS credentials ({0}): sign in with `aws sso login`, set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or choose a profile with --profile"
    )]
    NoCredentials(String),
    #[error("no AWS region: set AWS_REGION, or name the stack's region with --region")]
    NoRegion,
    #[error("AWS rejects the credentials ({0}): sign in again, or choose another profile with --profile")]
    RejectedCredentials(String),
    #[error(
        "cannot reach AWS for {action} in {region} ({cause}): check the network and the name of the region, and \
         AWS_ENDPOINT_URL if it is set"
    )]
    Unreachable { action: String, region: String, cause: String },
    #[error("AWS denies {action} ({cause}): the credentials need that permission")]
    Denied { action: String, cause: String },
    #[error("{action} failed: {cause}")]
    Failed { action: String, cause: String },
    #[error(
        "there is no stack {stack} in {region}: `sam deploy` prints its name; another region is chosen with --region, \
         another account with --profile"
    )]
    NoStack { stack: String, region: String },
    #[error("the stack {stack} is being deployed ({status}): wait until `sam deploy` ends, then try again")]
    UnderWay { stack: String, status: String },
    #[error(
        "the stack {stack} has not been deployed yet (REVIEW_IN_PROGRESS): carry out its change set with `sam deploy`"
    )]
    NotDeployed { stack: String },
    #[error(
        "the stack {stack} could not be created ({status}{reason}): its events in CloudFormation's console say why; \
         delete what is left with `sam delete --stack-name {stack}`, then deploy again"
    )]
    NotCreated { stack: String, status: String, reason: String },
    #[error(
        "an update of the stack {stack} failed and was not taken back ({status}): mend the cause that its events name, \
         then let CloudFormation finish with ContinueUpdateRollback, in its console or by its API"
    )]
    Stuck { stack: String, status: String },
    #[error("the stack {stack} is being or was deleted ({status}): deploy it again with {DEPLOY}")]
    Deleted { stack: String, status: String },
    #[error(
        "the stack {stack} has no output {output}: if it is a Switchboard, an older template deployed it; deploy this \
         one with {DEPLOY}"
    )]
    NoOutput { stack: String, output: &'static str },
    #[error("the output {output} of the stack {stack} is no JSON object: deploy the template again with {DEPLOY}")]
    BadOutput { stack: String, output: &'static str },
    #[error("the secret {0} does not exist: restore it in Secrets Manager if it was deleted, or deploy again")]
    NoSecret(String),
    #[error("the secret {0} has no text: give it the secret as text, 32 characters or more")]
    EmptySecret(String),
    #[error("the secret {0} is shorter than 32 characters, which no function accepts: replace it")]
    ShortSecret(String),
    #[error(
        "tokens of the stack {stack} are issued by your identity provider, with the keys at {url}: ask it for one with \
         iss \"{issuer}\", aud \"{audience}\", exp, sub, tenant and role"
    )]
    IssuedElsewhere { stack: String, url: String, issuer: String, audience: String },
    #[error("the pages' bucket {0} does not exist: deploy again with {DEPLOY}")]
    NoBucket(String),
    #[error(
        "cannot read and write the pages' bucket {bucket} ({cause}): the credentials need s3:GetObject, s3:PutObject \
         and s3:ListBucket on it"
    )]
    BucketDenied { bucket: String, cause: String },
    #[error(
        "the REST API at {url} gives no answer of Switchboard ({cause}): check that the stack is whole, and the network"
    )]
    NoRest { url: String, cause: String },
    #[error(
        "the REST API at {url} rejects the token that the stack's secret signed ({cause}): if the secret was changed, \
         the functions take it up within ten minutes: try again then"
    )]
    SecretRejected { url: String, cause: String },
    #[error("the REST API at {url} rejects --token ({cause}): it needs a valid token of an admin")]
    TokenRejected { url: String, cause: String },
    #[error(
        "no model for the demo chatbot ({0}): name one that the server has with --model, or leave the chatbot out with \
         --no-chatbot"
    )]
    NoModel(String),
    #[error(
        "the demo chatbot could not be created: {0}; name another model with --model, or leave the chatbot out with \
         --no-chatbot"
    )]
    NoChatbot(String),
}

impl StackError {
    pub(super) fn not_created(stack: String, status: String, reason: Option<&str>) -> Self {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        Self::NotCreated { stack, status, reason }
    }
}
