//! The demo chatbot that a new user finds, created through the REST API as an admin would.
//!
//! Its model follows the server of each start: a data directory that was begun with the stand-in, or with another
//! server, holds a model that this server may not have. Nothing else of it is touched, nor is a model that an admin has
//! set and that the server has.

mod api;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::openai::{Model, ModelCheck};
use tokio::time::timeout;

use self::api::INSTRUCTIONS;
pub(crate) use self::api::{Chatbot, ChatbotApi};
use crate::{
    Switchboard,
    models::{default_model, end_notice, is_listed},
    pages::Demo,
};

/// The tenant of the demo chatbot and of the printed tokens.
pub const TENANT: &str = "acme";

/// The timeout of a question to the OpenAI server.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(3);

/// The timeout of creating or updating the demo chatbot, in which the server is asked for its model.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The models that the demo chatbot may get.
#[derive(Clone, Debug, Default)]
pub struct ModelChoice {
    /// The model that `OPENAI_MODEL` names.
    pub named: Option<String>,
    /// The models that the server lists; `None` asks it.
    pub listed: Option<Vec<Model>>,
}

/// The chatbot that the demo page shows.
#[derive(Clone, Debug)]
pub struct DemoChatbot {
    pub id: String,
    pub model: String,
    /// The problems with its model, and what to do.
    pub problems: Vec<String>,
}

/// A failure to create or update the demo chatbot; everything else works without it.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the OpenAI server lists no model to chat with; set OPENAI_MODEL to the name of one and start again")]
    NoModel,
    #[error("the API rejected it: {detail}")]
    Refused { status: u16, detail: String },
    #[error(transparent)]
    Unreachable(#[from] reqwest::Error),
}

/// The demo chatbot as the last start left it, kept in the data directory. It tells an admin's changes from ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DemoRecord {
    chatbot_id: String,
    /// The model that a start has set.
    model: String,
}

impl Switchboard {
    /// A public chatbot in [`TENANT`], which the demo page shows: the newest whose model the server has, else the
    /// newest, else a new one. First refreshes the model of the chatbot that an earlier start created.
    pub async fn demo(&self, choice: ModelChoice) -> Result<DemoChatbot, DemoError> {
        let models = match choice.listed {
            Some(models) => models,
            None => {
                timeout(QUESTION_TIMEOUT, self.app.openai.models()).await.ok().and_then(Result::ok).unwrap_or_default()
            }
        };
        let (named, mut problems) = match choice.named {
            Some(named) if self.is_unknown(&named, &models).await => (None, vec![unknown_model(&named, &models)]),
            named => (named, vec![]),
        };
        let mut chatbots = self.chatbot_api().chatbots().await?;
        if let Err(error) = self.refresh(&mut chatbots, named.as_deref(), &models).await {
            problems.push(format!("the model of the demo chatbot could not be updated: {error}"));
        }
        let has_model = |chatbot: &&Chatbot| chatbot.public && is_listed(&models, &chatbot.model);
        let shown = chatbots.iter().find(has_model).or(chatbots.iter().find(|chatbot| chatbot.public));
        let Chatbot { id, model, .. } = match shown {
            Some(chatbot) => chatbot.clone(),
            None => self.create(named.as_deref(), &models).await?,
        };
        let date = models.iter().find(|listed| listed.id == model).and_then(|listed| listed.shutdown_date.as_deref());
        let end = end_notice(date, self.app.now());
        problems
            .extend(end.map(|end| format!("the demo chatbot's model {model} {end}: set OPENAI_MODEL to another one")));
        self.gateway.show(Demo { tenant: TENANT.to_owned(), chatbot: id.clone() });
        Ok(DemoChatbot { id, model, problems })
    }

    /// Gives the demo chatbot of an earlier start a model that the server has, or the one that `OPENAI_MODEL` names.
    async fn refresh(&self, chatbots: &mut [Chatbot], named: Option<&str>, models: &[Model]) -> Result<(), DemoError> {
        let record = self.data_dir.demo_record();
        let Some(chatbot) = find_demo(chatbots, record.as_ref()) else { return Ok(()) };
        let is_ours = match &record {
            Some(record) => record.model == chatbot.model,
            None => chatbot.version == 1,
        };
        let is_missing = !models.is_empty()
            && !is_listed(models, &chatbot.model)
            && (is_ours || self.is_unknown(&chatbot.model, models).await);
        let default = || default_model(models, self.app.now()).map(|model| model.id.as_str());
        let wanted = if is_missing { named.or_else(default) } else { named.filter(|_| is_ours) };
        if let Some(model) = wanted.filter(|model| *model != chatbot.model) {
            *chatbot = self.chatbot_api().change_model(&chatbot.id, model).await?;
        }
        if wanted.is_some() || is_ours {
            self.remember(chatbot);
        }
        Ok(())
    }

    async fn create(&self, named: Option<&str>, models: &[Model]) -> Result<Chatbot, DemoError> {
        let model = named.or_else(|| default_model(models, self.app.now()).map(|model| model.id.as_str()));
        let created = self.chatbot_api().create(model.ok_or(DemoError::NoModel)?).await?;
        self.remember(&created);
        Ok(created)
    }

    fn remember(&self, chatbot: &Chatbot) {
        let record = DemoRecord { chatbot_id: chatbot.id.clone(), model: chatbot.model.clone() };
        if let Err(error) = self.data_dir.write_demo_record(&record) {
            tracing::warn!(%error, "the demo chatbot could not be noted; the next start may not recognise it");
        }
    }

    /// True if the server says that it does not have the model. A model of its list needs no question.
    async fn is_unknown(&self, model: &str, models: &[Model]) -> bool {
        if models.is_empty() || is_listed(models, model) {
            return false;
        }
        let checked = timeout(QUESTION_TIMEOUT, self.app.openai.model_check(model)).await;
        matches!(checked, Ok(Ok(ModelCheck::Unknown)))
    }

    /// Our own API, as an admin.
    fn chatbot_api(&self) -> ChatbotApi {
        let token = self.token(TENANT, "admin", "ada");
        ChatbotApi { http: self.http.clone(), url: self.url().to_owned(), token, timeout: REQUEST_TIMEOUT }
    }
}

/// The chatbot that an earlier start created: by its record, else (a data directory without one) by its instructions.
fn find_demo<'a>(chatbots: &'a mut [Chatbot], record: Option<&DemoRecord>) -> Option<&'a mut Chatbot> {
    chatbots.iter_mut().find(|chatbot| match record {
        Some(record) => chatbot.id == record.chatbot_id,
        None => chatbot.instructions == INSTRUCTIONS,
    })
}

fn unknown_model(named: &str, models: &[Model]) -> String {
    let some: Vec<&str> = models.iter().take(5).map(|model| model.id.as_str()).collect();
    let some = some.join(", ");
    format!(
        "the OpenAI server has no model {named}, which OPENAI_MODEL names: set it to one that it lists, such as {some}"
    )
}
