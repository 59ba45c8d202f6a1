//! What a function that the model calls comes to: the chatbot's webhook is asked, while the run holds the line.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    domain::{ChatbotId, ThreadId, Webhook},
    http,
    openai::Call,
    webhook::DeliveryError,
};

use super::{Run, RunError};

/// Tries of one call, the first included. The customer waits.
const MAX_ATTEMPTS: u32 = 2;
const RETRY_DELAY: Duration = Duration::from_millis(300);

/// The model is given no more than so many bytes of an answer.
const MAX_OUTPUT_BYTES: usize = 16 * 1024;

/// What the webhook is asked.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function.called")]
struct Called<'a> {
    thread_id: &'a ThreadId,
    chatbot_id: &'a ChatbotId,
    customer_id: &'a str,
    call_id: &'a str,
    name: &'a str,
    arguments: &'a Value,
}

impl Run {
    /// The output of a call: every call gets one, or each later turn of its conversation fails. Where the webhook fails
    /// the output says so, and the model has to apologise; that is no failure of the run.
    pub(super) async fn function(&self, response_id: &str, call: &Call) -> Result<String, RunError> {
        let chatbot = self.chatbot()?;
        let is_its_own = chatbot.config.tools.iter().any(|tool| tool.name == call.name);
        let Some(webhook) = chatbot.webhook.as_ref().filter(|_| is_its_own) else {
            return Ok(failed(call, "cannot be called here"));
        };
        let Ok(arguments) = serde_json::from_str(&call.arguments) else {
            return Ok(failed(call, "needs arguments in JSON"));
        };
        let called = Called {
            thread_id: &self.thread.id,
            chatbot_id: &chatbot.id,
            customer_id: &self.thread.customer_id,
            call_id: &call.call_id,
            name: &call.name,
            arguments: &arguments,
        };
        let body = serde_json::to_string(&called).map_err(shared::Error::internal)?;
        let parts = [self.thread.id.as_str(), response_id, &call.call_id].map(str::as_bytes);
        // The response's too: some servers number the calls of each response from the start.
        let id = format!("call_{}", http::fingerprint(&parts));
        let answered = self.ask_webhook(webhook, &id, &body).await?;
        Ok(match answered {
            Ok(answer) => output(&answer),
            Err(error) => {
                tracing::warn!(thread.id = %self.thread.id, function = call.name, %error, "a function failed");
                failed(call, &format!("failed: {error}"))
            }
        })
    }

    /// Asks once more what fails in passing. Before each try the lease is made certain: a run that has lost the line has
    /// no business with a customer's orders.
    async fn ask_webhook(
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
            let asked = async { Ok(self.app.webhooks.post(webhook, id, self.app.now(), body.to_owned()).await) };
            match self.while_leased(asked).await? {
                Err(error) if error.is_retryable() && attempts < MAX_ATTEMPTS => {
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                answered => return Ok(answered),
            }
        }
    }
}

/// The webhook's own words, JSON or not, as far as they go.
fn output(answer: &[u8]) -> String {
    let kept = &answer[..answer.len().min(MAX_OUTPUT_BYTES)];
    let mut text = String::from_utf8_lossy(kept).into_owned();
    if kept.len() < answer.len() {
        text += " … (the rest was cut off)";
    }
    if text.trim().is_empty() { json!({ "ok": true }).to_string() } else { text }
}

fn failed(call: &Call, how: &str) -> String {
    json!({ "error": format!("the function {} {how}", call.name) }).to_string()
}
