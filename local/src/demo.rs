//! The demo chatbot that a new user finds, created through the REST API as an admin would.

use serde_json::{Value, json};

use crate::{Switchboard, pages::Demo};

/// The tenant of the demo chatbot and of the printed tokens.
pub const TENANT: &str = "acme";

/// A failure to create the demo chatbot; everything else works without it.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the OpenAI server lists no models; set OPENAI_MODEL to the name of one")]
    NoModel,
    #[error("the API rejected it: {0}")]
    Refused(String),
    #[error(transparent)]
    Unreachable(#[from] reqwest::Error),
}

impl Switchboard {
    /// The id of a public chatbot in [`TENANT`]: the newest there is, else a new one, with `model` or a model that the
    /// OpenAI server lists. The demo page shows it.
    pub async fn demo(&self, model: Option<String>) -> Result<String, DemoError> {
        let chatbot = self.demo_chatbot(model).await?;
        self.gateway.show(Demo { tenant: TENANT, chatbot: chatbot.clone() });
        Ok(chatbot)
    }

    async fn demo_chatbot(&self, model: Option<String>) -> Result<String, DemoError> {
        let url = format!("{}/chatbots", self.url());
        let admin = self.token(TENANT, "admin", "ada");
        let list = self.http.get(format!("{url}?limit=100")).bearer_auth(&admin).send().await?;
        let list: Value = list.json().await?;
        let mut chatbots = list["data"].as_array().into_iter().flatten();
        if let Some(id) = chatbots.find(|chatbot| chatbot["public"] == true).and_then(|chatbot| chatbot["id"].as_str())
        {
            return Ok(id.to_owned());
        }
        let model = match model {
            Some(model) => model,
            None => self.model().await?,
        };
        let chatbot = json!({
            "name": "Demo",
            "model": model,
            "instructions": "You answer customers of Acme, a shop for anvils. Be brief and friendly. \
                If somebody asks for a person, escalate.",
            "greeting": "Hello! What can I do for you?",
            "public": true,
        });
        let response = self.http.post(&url).bearer_auth(&admin).json(&chatbot).send().await?;
        let created: Value = response.json().await?;
        created["id"].as_str().map(str::to_owned).ok_or_else(|| DemoError::Refused(created["detail"].to_string()))
    }

    /// The newest small GPT among the models that the OpenAI server lists, else the first model.
    async fn model(&self) -> Result<String, DemoError> {
        let url = format!("{}/models", self.endpoints.openai_url);
        let list = self.http.get(url).bearer_auth(&self.openai_key).send().await?;
        let list: Value = list.json().await?;
        let models = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let id = |model: &Value| model["id"].as_str().map(str::to_owned);
        let is_small = |model: &&Value| id(model).is_some_and(|id| id.starts_with("gpt-") && id.ends_with("-mini"));
        let newest = models.iter().filter(is_small).max_by_key(|model| model["created"].as_i64());
        newest.or(models.first()).and_then(id).ok_or(DemoError::NoModel)
    }
}
