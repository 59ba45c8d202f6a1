//! The authorizer, called as Lambda calls it, with real tokens and a real key server.

mod entrance;
mod hostile;
mod issuer;
mod laptop;
mod providers;
mod published;
mod secret;
mod settings;
mod signer;

use ::authorizer::{Keys, Refusal, Rules};
use aws_lambda_events::apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse};
use serde_json::Value;

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "switchboard";

/// The rules for this issuer and audience, with the claims' own names.
fn rules() -> Rules {
    Rules::new(ISSUER, AUDIENCE)
}

type Answer = Result<ApiGatewayCustomAuthorizerResponse, Refusal>;

/// Calls the authorizer with the REST sample event and this token.
async fn rest(keys: &Keys, token: &str) -> Answer {
    ask(keys, "authorizer-rest", token, |_| ()).await
}

/// Calls the authorizer with a sample event and this token, changed by `change`.
async fn ask(keys: &Keys, event: &str, token: &str, change: impl FnOnce(&mut Value)) -> Answer {
    let event = tests::sample::event(event).replace("REPLACE_WITH_A_TOKEN", token);
    let mut event: Value = serde_json::from_str(&event).expect("the sample is JSON");
    change(&mut event);
    let request: ApiGatewayCustomAuthorizerRequestTypeRequest =
        serde_json::from_value(event).expect("it is an authorizer's event");
    ::authorizer::handle(keys, request).await
}
