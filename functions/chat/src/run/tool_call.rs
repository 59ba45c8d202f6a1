//! Tool calls: the model calls a function, and the chatbot's webhook executes it while the run holds the line.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    domain::{ChatbotId, ThreadId, Webhook},
    fingerprint,
    openai::Call,
    webhook::DeliveryError,
};

use super::{Run, RunError};

/// The most attempts of one call, the first included: the customer waits.
const MAX_ATTEMPTS: u32 = 2;
const RETRY_DELAY: Duration = Duration::from_millis(300);

/// The size limit of a call's output, in bytes.
const MAX_OUTPUT_BYTES: usize = 16 * 1024;

/// The request to the webhook.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function.called")]
struct FunctionCalled<'a> {
    thread_id: &'a ThreadId,
    chatbot_id: &'a ChatbotId,
    customer_id: &'a str,
    call_id: &'a str,
    name: &'a str,
    arguments: &'a Value,
}

impl Run {
    /// The output of a call. Every call gets one, because a conversation with an open call fails at each later
    /// turn. Where the webhook fails, the output says so and the model has to apologise; the run does not fail.
    pub(super) async fn call_tool(&self, response_id: &str, call: &Call) -> Result<String, RunError> {
        let chatbot = self.chatbot()?;
        let is_its_own = chatbot.config.tools.iter().any(|tool| tool.name == call.name);
        let Some(webhook) = chatbot.webhook.as_ref().filter(|_| is_its_own) else {
            return Ok(failed(call, "cannot be called here"));
        };
        if call.call_id.is_empty() {
            return Ok(failed(call, "was called without an id"));
        }
        // Some models leave the arguments out where a function takes none.
        let arguments = Some(call.arguments.trim()).filter(|given| !given.is_empty()).unwrap_or("{}");
        let Ok(arguments) = serde_json::from_str(arguments) else {
            return Ok(failed(call, "needs arguments in JSON"));
        };
        let called = FunctionCalled {
            thread_id: &self.thread.id,
            chatbot_id: &chatbot.id,
            customer_id: &self.thread.customer_id,
            call_id: &call.call_id,
            name: &call.name,
            arguments: &arguments,
        };
        let body = serde_json::to_string(&called).map_err(shared::Error::internal)?;
        let parts = [self.thread.id.as_str(), response_id, &call.call_id].map(str::as_bytes);
        // With the response's id: some servers number the calls of each response from the start.
        let id = format!("call_{}", fingerprint(&parts));
        let called = self.call_webhook(webhook, &id, &body).await?;
        Ok(match called {
            Ok(response) => output(&response),
            Err(error) => {
                tracing::warn!(thread.id = %self.thread.id, function = call.name, %error, "a function call failed");
                failed(call, &format!("failed: {error}"))
            }
        })
    }

    /// Posts the call, and again after a retryable error. Renews the lease before each attempt: a run that has lost the
    /// line must not act for the customer.
    async fn call_webhook(
        &self,
        webhook: &Webhook,
        id: &str,
        body: &str,
    ) -> Result<Result<Vec<u8>, DeliveryError>, RunError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            if !self.renew().await? {
                return Err(RunError::Lost);
            }
            let posting = async { Ok(self.app.webhooks.post(webhook, id, self.app.now(), body.to_owned()).await) };
            match self.while_leased(posting).await? {
                Err(error) if error.is_retryable() && attempts < MAX_ATTEMPTS => {
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                outcome => return Ok(outcome),
            }
        }
    }
}

/// The webhook's response body, JSON or not, cut at [`MAX_OUTPUT_BYTES`].
fn output(body: &[u8]) -> String {
    let kept = &body[..body.len().min(MAX_OUTPUT_BYTES)];
    let mut text = String::from_utf8_lossy(kept).into_owned();
    if kept.len() < body.len() {
        text += " … (the rest was cut off)";
    }
    if text.trim().is_empty() { json!({ "ok": true }).to_string() } else { text }
}

/// The output of a call beyond the limit of a turn, which is not executed.
pub(super) fn refused(call: &Call, limit: u32) -> String {
    failed(call, &format!("was not called: a turn may make at most {limit} calls"))
}

fn failed(call: &Call, how: &str) -> String {
    json!({ "error": format!("the function {} {how}", call.name) }).to_string()
}
