//! `switchboard event`: a sample event of `events/` that the running instance can answer.

use std::{path::Path, time::Duration};

use clap::Args;
use reqwest::{RequestBuilder, Response};
use rust_embed::Embed;
use serde_json::{Value, json};

use crate::{Error, data_dir, demo::TENANT, error::innermost};

#[derive(Embed)]
#[folder = "../events"]
struct Events;

/// The ids and the tokens that the files hold in place of real ones.
const THREAD: &str = "thr_01JD0000000000000000000000";
const CHATBOT: &str = "bot_01JD0000000000000000000000";
const TOKEN: &str = "REPLACE_WITH_A_TOKEN";
const VISITORS_TOKEN: &str = "REPLACE_WITH_A_VISITORS_TOKEN";

/// The customer whom the files' threads belong to.
const CUSTOMER: &str = "cara";

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct SampleEvent {
    /// Name of a file in events/, without .json. An unknown name lists all.
    name: String,
    /// Thread of the event [default: the newest of the customer cara that is not ended, or a new one].
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// Chatbot of the event [default: the demo page's].
    #[arg(long, value_name = "ID")]
    chatbot: Option<String>,
}

impl SampleEvent {
    /// The event with ids and a token of the instance that runs on `data_dir`. Creates a thread if the event needs one
    /// and there is none.
    pub(crate) async fn text(self, data_dir: &Path) -> Result<String, Error> {
        let mut text = file(&self.name)?;
        let event: Value = serde_json::from_str(&text).unwrap_or_default();
        let tokens = data_dir::tokens(data_dir)?;
        let api = Api {
            url: data_dir::endpoints(data_dir)?.url,
            customer: tokens.token(TENANT, "customer", CUSTOMER),
            http: reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(Error::http)?,
        };
        if text.contains(THREAD) {
            let thread = match self.thread {
                Some(thread) => thread,
                None => api.thread(self.chatbot.as_deref()).await?,
            };
            text = text.replace(THREAD, &thread);
        }
        if text.contains(CHATBOT) || text.contains(VISITORS_TOKEN) {
            let chatbot = match self.chatbot {
                Some(chatbot) => chatbot,
                None => api.chatbot().await?,
            };
            if text.contains(VISITORS_TOKEN) {
                text = text.replace(VISITORS_TOKEN, &api.visitors_token(&chatbot).await?);
            }
            text = text.replace(CHATBOT, &chatbot);
        }
        let caller = &event["requestContext"]["authorizer"];
        let [role, subject] = ["role", "subject"].map(|field| caller[field].as_str());
        let token = tokens.token(TENANT, role.unwrap_or("customer"), subject.unwrap_or(CUSTOMER));
        Ok(text.replace(TOKEN, &token).trim_end().to_owned())
    }
}

/// The text of `events/{name}.json`.
fn file(name: &str) -> Result<String, Error> {
    let name = name.strip_suffix(".json").unwrap_or(name);
    let file = Events::get(&format!("{name}.json")).and_then(|file| String::from_utf8(file.data.into_owned()).ok());
    file.ok_or_else(|| {
        let mut names: Vec<String> =
            Events::iter().filter_map(|file| file.strip_suffix(".json").map(str::to_owned)).collect();
        names.sort();
        Error::NoEvent { name: name.to_owned(), names: names.join(", ") }
    })
}

/// The REST API of the running instance, as the customer uses it.
struct Api {
    url: String,
    customer: String,
    http: reqwest::Client,
}

impl Api {
    /// The newest thread of the customer that is not ended, or a new one.
    async fn thread(&self, chatbot: Option<&str>) -> Result<String, Error> {
        let threads = self.send("GET /threads", self.http.get(format!("{}/threads?limit=100", self.url))).await?;
        let open = threads["data"].as_array().into_iter().flatten().find(|thread| thread["status"] != "ended");
        if let Some(id) = open.and_then(|thread| thread["id"].as_str()) {
            return Ok(id.to_owned());
        }
        let chatbot = match chatbot {
            Some(chatbot) => chatbot.to_owned(),
            None => self.chatbot().await?,
        };
        let create = self.http.post(format!("{}/threads", self.url)).json(&json!({ "chatbot_id": chatbot }));
        let created = self.send("POST /threads", create).await?;
        Ok(created["id"].as_str().unwrap_or_default().to_owned())
    }

    /// The chatbot that the demo page shows.
    async fn chatbot(&self) -> Result<String, Error> {
        let config = self.send("GET /config.json", self.http.get(format!("{}/config.json", self.url))).await?;
        let chatbot = config["demo"]["chatbot_id"].as_str();
        chatbot.map(str::to_owned).ok_or_else(|| Error::Deployment {
            url: self.url.clone(),
            path: "GET /config.json".to_owned(),
            problem: "there is no demo chatbot; name another with --chatbot".to_owned(),
        })
    }

    /// The token of a new visitor.
    async fn visitors_token(&self, chatbot: &str) -> Result<String, Error> {
        let visit = self.http.post(format!("{}/visitors", self.url));
        let visit = visit.json(&json!({ "tenant": TENANT, "chatbot_id": chatbot }));
        let visit = self.send("POST /visitors", visit).await?;
        Ok(visit["token"].as_str().unwrap_or_default().to_owned())
    }

    async fn send(&self, path: &str, request: RequestBuilder) -> Result<Value, Error> {
        let failed = |problem: String| Error::Deployment { url: self.url.clone(), path: path.to_owned(), problem };
        let answer = request.bearer_auth(&self.customer).send().await.and_then(Response::error_for_status);
        let failed_by = |error: reqwest::Error| failed(innermost(&error.without_url()));
        answer.map_err(failed_by)?.json().await.map_err(failed_by)
    }
}
