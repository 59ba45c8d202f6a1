//! The chatbots of a deployment, through its REST API, as an admin.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::DemoError;

/// The demo chatbot's instructions. A data directory without a record knows it by them.
pub(super) const INSTRUCTIONS: &str = "You answer customers of Acme, a shop for anvils. Be brief and friendly. \
    If somebody asks for a person, escalate.";

/// The REST API of a deployment, with an admin's token.
pub(crate) struct ChatbotApi {
    pub(crate) http: reqwest::Client,
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) token: String,
    /// The timeout of one request; in a creation the OpenAI server is asked for the model.
    pub(crate) timeout: Duration,
}

/// A chatbot as the API lists it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Chatbot {
    pub(crate) id: String,
    pub(crate) model: String,
    #[serde(default)]
    pub(super) instructions: String,
    #[serde(default)]
    pub(crate) public: bool,
    pub(super) version: u64,
}

impl ChatbotApi {
    /// The tenant's chatbots, newest first.
    pub(crate) async fn chatbots(&self) -> Result<Vec<Chatbot>, DemoError> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Chatbot>,
        }
        let page: Page = send(self.request(Method::GET, "/chatbots?limit=100")).await?;
        Ok(page.data)
    }

    /// Creates the demo chatbot.
    pub(crate) async fn create(&self, model: &str) -> Result<Chatbot, DemoError> {
        let chatbot = json!({
            "name": "Demo",
            "model": model,
            "instructions": INSTRUCTIONS,
            "greeting": "Hello! What can I do for you?",
            "public": true,
        });
        send(self.request(Method::POST, "/chatbots").json(&chatbot)).await
    }

    pub(super) async fn change_model(&self, id: &str, model: &str) -> Result<Chatbot, DemoError> {
        send(self.request(Method::PATCH, &format!("/chatbots/{id}")).json(&json!({ "model": model }))).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request.bearer_auth(&self.token).timeout(self.timeout)
    }
}

async fn send<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, DemoError> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.json().await?);
    }
    let problem: Value = response.json().await?;
    let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
    Err(DemoError::Refused { status: status.as_u16(), detail })
}
