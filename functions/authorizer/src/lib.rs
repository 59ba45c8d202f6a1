//! The REQUEST authorizer of the REST API (token in a header) and of the WebSocket API's `$connect` (token in a header
//! or a subprotocol).
//!
//! It returns a policy for the whole stage and a context of strings: `tenant`, `subject`, `role`, `expires` (Unix
//! seconds, clock skew included) and, if the token has them, `name`, `verified` (an object as JSON), `chatbot`,
//! `origins` (separated by spaces) and `access` (a visitor's). API Gateway caches the response for other paths and
//! beyond the token's expiry, so every function checks role, owner and `expires` itself.
//!
//! **Architecture invariant.** No AWS SDK, and no token is ever logged.

mod caller;
mod claims;
mod key;
mod key_set;
mod keys;
mod refusal;
mod role;
mod rules;
mod token;

use aws_lambda_events::{
    apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse},
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use serde_json::json;

pub use caller::Caller;
pub use key_set::RefreshPolicy;
pub use keys::Keys;
pub use refusal::{Misconfigured, Refusal};
pub use role::Role;
pub use rules::Rules;

/// Allows a caller access to the whole stage, or returns the reason for refusing.
pub async fn handle(
    keys: &Keys,
    request: ApiGatewayCustomAuthorizerRequestTypeRequest,
) -> Result<ApiGatewayCustomAuthorizerResponse, Refusal> {
    let response = authorize(keys, &request).await;
    if let Err(refusal) = &response {
        // The claim's name and never its value, so that the log tells what to set and nothing of the caller.
        tracing::info!(%refusal, claim = refusal.claim(), settings = refusal.settings(), "request not authorized");
    }
    response
}

async fn authorize(
    keys: &Keys,
    request: &ApiGatewayCustomAuthorizerRequestTypeRequest,
) -> Result<ApiGatewayCustomAuthorizerResponse, Refusal> {
    let stage = request.method_arn.as_deref().and_then(stage).ok_or(Refusal::NoStage)?;
    let token = token::find(request)?;
    let caller = keys.verify(token).await?;
    Ok(allow(&caller, stage))
}

/// Stage part of a method ARN: `arn:…:api-id/stage` of `arn:…:api-id/stage/GET/threads` or `…/stage/$connect`.
fn stage(method_arn: &str) -> Option<&str> {
    let (end, _) = method_arn.match_indices('/').nth(1)?;
    Some(&method_arn[..end])
}

fn allow(caller: &Caller, stage: &str) -> ApiGatewayCustomAuthorizerResponse {
    let mut statement = IamPolicyStatement::default();
    statement.effect = IamPolicyEffect::Allow;
    statement.action = vec!["execute-api:Invoke".to_owned()];
    statement.resource = vec![format!("{stage}/*")];

    let mut response = ApiGatewayCustomAuthorizerResponse::default();
    response.principal_id = Some(caller.subject.clone());
    response.policy_document.version = Some("2012-10-17".to_owned());
    response.policy_document.statement = vec![statement];
    response.context = json!({
        "tenant": caller.tenant,
        "subject": caller.subject,
        "role": caller.role,
        "expires": caller.expires.to_string(),
    });
    if let Some(name) = &caller.name {
        response.context["name"] = json!(name);
    }
    if !caller.verified.is_empty() {
        response.context["verified"] = json!(json!(caller.verified).to_string());
    }
    if let Some(chatbot) = &caller.chatbot {
        response.context["chatbot"] = json!(chatbot);
    }
    if !caller.origins.is_empty() {
        response.context["origins"] = json!(caller.origins.join(" "));
    }
    if let Some(access) = &caller.access {
        response.context["access"] = json!(access);
    }
    response
}
