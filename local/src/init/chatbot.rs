//! The demo chatbot of a stack: the one on its demo page, created if the tenant has no chatbot.

use serde_json::Value;
use shared::{
    Clock,
    openai::{OpenAi, RetryPolicy, Settings, parse_base_url},
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::Init;
use crate::{
    Error,
    demo::{Chatbot, ChatbotApi, DemoError},
    models::default_model,
    pages::{Demo, Page},
    stack::{Cloud, SignedBy, Stack, StackError, rest_error},
};

/// The chatbot on the demo page as an earlier run left it, in `config.json`.
pub(super) struct Previous(Option<Demo>);

/// The chatbot of the demo page, and the one of the printed conversation.
pub(super) struct Outcome {
    pub(super) shown: Option<Demo>,
    /// Any chatbot of the tenant.
    pub(super) example: Option<String>,
    /// One line about it, for the report.
    pub(super) note: String,
}

pub(super) struct DemoStep<'a> {
    pub(super) init: &'a Init,
    pub(super) stack: &'a Stack,
    pub(super) previous: Previous,
}

impl Previous {
    pub(super) async fn read(cloud: &Cloud, bucket: &str) -> Result<Self, StackError> {
        let config = cloud.page(bucket, Page::CONFIG).await?.unwrap_or_default();
        let config: Value = serde_json::from_slice(&config).unwrap_or_default();
        let text = |field: &str| config["demo"][field].as_str().map(str::to_owned);
        Ok(Self(text("tenant").zip(text("chatbot_id")).map(|(tenant, chatbot)| Demo { tenant, chatbot })))
    }

    /// The chatbot's id, if it is the tenant's.
    fn of(&self, tenant: &str) -> Option<&str> {
        self.0.as_ref().filter(|demo| demo.tenant == tenant).map(|demo| demo.chatbot.as_str())
    }
}

impl DemoStep<'_> {
    /// Keeps a chatbot that the demo page shows, else takes the tenant's newest public one, else creates one if the
    /// tenant has none at all.
    pub(super) async fn run(&self, admin: Option<(String, SignedBy)>) -> Result<Outcome, Error> {
        if self.init.no_chatbot {
            return Ok(Outcome { shown: None, example: None, note: "none, as --no-chatbot says".to_owned() });
        }
        let Some((token, signed_by)) = admin else { return Ok(self.kept()) };
        let api = self.stack.chatbot_api(token)?;
        let rejected = |error| rest_error(&api, signed_by, error);
        let chatbots = api.chatbots().await.map_err(rejected)?;
        if chatbots.is_empty() {
            let created = self.create(&api, signed_by).await?;
            let note = format!("{} (created, with the model {}; public)", created.id, created.model);
            return Ok(self.showing(created, note));
        }
        let previous = self.previous.of(&self.init.tenant);
        let public = || chatbots.iter().filter(|chatbot| chatbot.public);
        let shown = public().find(|chatbot| Some(&*chatbot.id) == previous).or_else(|| public().next());
        Ok(match shown {
            Some(chatbot) => self.showing(chatbot.clone(), format!("{} (model {})", chatbot.id, chatbot.model)),
            None => Outcome {
                shown: None,
                example: chatbots.first().map(|chatbot| chatbot.id.clone()),
                note: "none: the tenant's chatbots are not `public`".to_owned(),
            },
        })
    }

    /// The demo page as it was: no token tells what has become of its chatbot.
    pub(super) fn kept(&self) -> Outcome {
        let Some(demo) = &self.previous.0 else {
            let note = "none yet: run this again with --token and an admin's token of your provider".to_owned();
            return Outcome { shown: None, example: None, note };
        };
        Outcome {
            shown: Some(Demo { tenant: demo.tenant.clone(), chatbot: demo.chatbot.clone() }),
            example: self.previous.of(&self.init.tenant).map(str::to_owned),
            note: demo.chatbot.clone(),
        }
    }

    fn showing(&self, chatbot: Chatbot, note: String) -> Outcome {
        let shown = Demo { tenant: self.init.tenant.clone(), chatbot: chatbot.id.clone() };
        Outcome { shown: Some(shown), example: Some(chatbot.id), note }
    }

    async fn create(&self, api: &ChatbotApi, signed_by: SignedBy) -> Result<Chatbot, Error> {
        let model = match &self.init.model {
            Some(model) => model.clone(),
            None => self.listed_model().await?,
        };
        let created = api.create(&model).await;
        Ok(created.map_err(|error| match error {
            // The functions' own words: about the model, for instance.
            DemoError::Refused { status: 400 | 409 | 422 | 502, detail } => StackError::NoChatbot(detail),
            error => rest_error(api, signed_by, error),
        })?)
    }

    /// The model that a laptop would choose among those of the stack's OpenAI server.
    async fn listed_model(&self) -> Result<String, Error> {
        let no_model = |cause: String| StackError::NoModel(cause);
        let base_url = self.stack.parameter("OpenAiBaseUrl");
        let base_url = base_url.ok_or_else(|| no_model("the stack has no parameter OpenAiBaseUrl".to_owned()))?;
        let api_key = self.stack.cloud.secret(self.stack.output("OpenAiSecretArn")?).await?;
        let retry_policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let url = parse_base_url(base_url).map_err(|_| no_model(format!("{base_url} is no URL")))?;
        let http = retry_policy.http().map_err(Error::http)?;
        let openai = OpenAi::new(http, Settings { base_url: url, api_key: api_key.into(), retry_policy });
        let models = openai
            .models()
            .with_subscriber(NoSubscriber::default())
            .await
            .map_err(|error| no_model(format!("{base_url}: {error}")))?;
        let model = default_model(&models, Clock::system().now());
        Ok(model.ok_or_else(|| no_model(format!("{base_url} lists none to chat with")))?.id.clone())
    }
}
