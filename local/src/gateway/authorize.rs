//! The REQUEST authorizer in front of every route: its decisions kept for as long as the template says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerResponse};
use aws_lambda_events::iam::{IamPolicyEffect, IamPolicyStatement};
use serde_json::Value;
use tokio::time::Instant;

use super::refusal::Refusal;

/// More decisions than this are not kept.
const MAX_CACHED_POLICIES: usize = 4096;

/// What an authorizer said, in the form in which events carry it.
pub(super) struct Decision {
    policy: ApiGatewayCustomAuthorizerPolicy,
    /// The event's `requestContext.authorizer`: every value a string, as AWS hands them on.
    context: HashMap<String, Value>,
}

impl Decision {
    pub(super) fn new(response: ApiGatewayCustomAuthorizerResponse) -> Self {
        let mut context = HashMap::new();
        if let Value::Object(members) = response.context {
            for (name, value) in members {
                let text = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                context.insert(name, Value::String(text));
            }
        }
        context.insert("principalId".to_owned(), Value::String(response.principal_id.unwrap_or_default()));
        Self { policy: response.policy_document, context }
    }

    /// The authorizer's context, if its policy lets `resource` be called.
    /// A kept policy is asked anew for each resource; one that denies wins over one that allows.
    pub(super) fn grant(&self, resource: &str) -> Result<HashMap<String, Value>, Refusal> {
        let speaks = |effect: &IamPolicyEffect| {
            self.policy.statement.iter().any(|statement| statement.effect == *effect && covers(statement, resource))
        };
        if speaks(&IamPolicyEffect::Deny) || !speaks(&IamPolicyEffect::Allow) {
            return Err(Refusal::AccessDenied);
        }
        Ok(self.context.clone())
    }
}

fn covers(statement: &IamPolicyStatement, resource: &str) -> bool {
    let invoke = |action: &String| matches("execute-api:Invoke", action);
    statement.action.iter().any(invoke) && statement.resource.iter().any(|pattern| matches(resource, pattern))
}

/// IAM's wildcards: `*` for any run of characters, `?` for one.
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

/// Decisions by the Authorization header they were made for.
pub(super) struct Decisions {
    keep: Duration,
    made: Mutex<HashMap<String, (Instant, Arc<Decision>)>>,
}

impl Decisions {
    pub(super) fn new(keep: Duration) -> Self {
        Self { keep, made: Mutex::new(HashMap::new()) }
    }

    pub(super) fn get(&self, header: &str) -> Option<Arc<Decision>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, decision) = made.get(header)?;
        (at.elapsed() < self.keep).then(|| Arc::clone(decision))
    }

    pub(super) fn keep(&self, header: &str, decision: &Arc<Decision>) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MAX_CACHED_POLICIES {
            made.retain(|_, (at, _)| at.elapsed() < self.keep);
        }
        if made.len() < MAX_CACHED_POLICIES {
            made.insert(header.to_owned(), (Instant::now(), Arc::clone(decision)));
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
