//! The decisions of the REQUEST authorizer, cached for as long as the template says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lambda_events::{
    apigw::{ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerResponse},
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use serde_json::Value;
use tokio::time::Instant;

use super::refusal::Refusal;

/// The number of decisions that are cached at most.
const MAX_CACHED_DECISIONS: usize = 4096;

/// A decision of the authorizer: its policy, and its context in the form in which events carry it.
pub(super) struct Decision {
    policy: ApiGatewayCustomAuthorizerPolicy,
    /// The event's `requestContext.authorizer`; every value is a string, as on AWS.
    context: HashMap<String, Value>,
}

impl Decision {
    /// Fails where API Gateway does: without a principal, or with a value in the context that is no string, number or
    /// boolean.
    pub(super) fn new(response: ApiGatewayCustomAuthorizerResponse) -> Result<Self, Refusal> {
        let mut context = HashMap::new();
        if let Value::Object(members) = response.context {
            for (name, value) in members {
                let text = match value {
                    Value::String(text) => text,
                    Value::Number(_) | Value::Bool(_) => value.to_string(),
                    _ => return Err(Refusal::AuthorizerFailed),
                };
                context.insert(name, Value::String(text));
            }
        }
        let principal = response.principal_id.ok_or(Refusal::AuthorizerFailed)?;
        context.insert("principalId".to_owned(), Value::String(principal));
        Ok(Self { policy: response.policy_document, context })
    }

    /// The authorizer's context, if its policy allows calls of `resource`.
    /// A cached policy is evaluated again for each resource; a statement that denies wins over one that allows.
    pub(super) fn grant(&self, resource: &str) -> Result<HashMap<String, Value>, Refusal> {
        let has = |effect: &IamPolicyEffect| {
            self.policy.statement.iter().any(|statement| statement.effect == *effect && covers(statement, resource))
        };
        if has(&IamPolicyEffect::Deny) || !has(&IamPolicyEffect::Allow) {
            return Err(Refusal::AccessDenied);
        }
        Ok(self.context.clone())
    }
}

fn covers(statement: &IamPolicyStatement, resource: &str) -> bool {
    let invoke = |action: &String| matches("execute-api:Invoke", action);
    statement.action.iter().any(invoke) && statement.resource.iter().any(|pattern| matches(resource, pattern))
}

/// Matches IAM's wildcards: `*` for any characters, `?` for one.
fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut at, mut next) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(next) {
            Some(b'*') => {
                star = Some((next, at));
                next += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[at] => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((seen, from)) = star else {
                    return false;
                };
                star = Some((seen, from + 1));
                next = seen + 1;
                at = from + 1;
            }
        }
    }
    pattern[next..].iter().all(|&byte| byte == b'*')
}

/// The cache of decisions, by the Authorization header that they were made for.
pub(super) struct DecisionCache {
    ttl: Duration,
    entries: Mutex<HashMap<String, (Instant, Arc<Decision>)>>,
}

impl DecisionCache {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, entries: Mutex::new(HashMap::new()) }
    }

    pub(super) fn get(&self, header: &str) -> Option<Arc<Decision>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (cached_at, decision) = entries.get(header)?;
        (cached_at.elapsed() < self.ttl).then(|| Arc::clone(decision))
    }

    pub(super) fn insert(&self, header: &str, decision: &Arc<Decision>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_CACHED_DECISIONS {
            entries.retain(|_, (cached_at, _)| cached_at.elapsed() < self.ttl);
        }
        if entries.len() < MAX_CACHED_DECISIONS {
            entries.insert(header.to_owned(), (Instant::now(), Arc::clone(decision)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_spans_slashes_and_colons() {
        let resource = "arn:aws:execute-api:eu-central-1:000000000000:local/v1/GET/threads/thr_1";
        assert!(matches(resource, "arn:aws:execute-api:*:*:local/*/*"));
        assert!(matches(resource, "*"));
        assert!(matches(resource, resource));
        assert!(!matches(resource, "arn:aws:execute-api:*:*:local/*/POST/*"));
        assert!(!matches("GET", "GE"));
        assert!(matches("GET", "?E?*"));
    }
}
