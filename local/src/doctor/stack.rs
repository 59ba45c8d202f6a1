//! The findings about a stack: those of its table, and a REST API that does not answer.

use shared::domain::At;

use super::{facts::Facts, server::Server};
use crate::{
    Error, demo,
    stack::{Issuer, SignedBy, Stack, rest_error},
};

pub(super) async fn findings(stack: &Stack, now: At) -> Result<Vec<String>, Error> {
    let mut findings = Facts::of_table(&stack.table()?, now).await?.findings(now, &Server::default());
    // A token of an identity provider is not at hand.
    if let Issuer::Secret(tokens) = stack.issuer().await? {
        let api = stack.chatbot_api(tokens.token(demo::TENANT, "admin", "ada"))?;
        // The chatbots themselves are in the table.
        let answer = api.chatbots().await;
        findings.extend(answer.err().map(|error| rest_error(&api, SignedBy::Secret, error).to_string()));
    }
    Ok(findings)
}
