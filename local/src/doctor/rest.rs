//! The facts about a deployment that its REST API shows to an agent.

use std::time::Duration;

use serde_json::Value;
use shared::domain::At;

use super::facts::{Facts, LongWaits, PAGE_SIZE};
use crate::{Error, error::innermost};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn facts(url: &str, token: &str, now: At) -> Result<Facts, Error> {
    let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(Error::http)?;
    let api = Api { http, url: url.trim_end_matches('/'), token };
    let mut chatbots = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/chatbots?limit={PAGE_SIZE}{cursor}")).await?;
        chatbots.extend(page["data"].as_array().into_iter().flatten().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // Those who wait longest come first.
    let queued = api.get(&format!("/threads?status=queued&limit={PAGE_SIZE}")).await?;
    let waiting = |thread: &Value| {
        let since = thread["waiting_since"].as_str().or(thread["status_since"].as_str());
        Some((since?.parse().ok()?, thread["id"].as_str().unwrap_or_default().to_owned()))
    };
    let queued = queued["data"].as_array().into_iter().flatten().filter_map(waiting);
    Ok(Facts { chatbots, waits: LongWaits::among(queued, None, now).into_iter().collect(), ..Facts::default() })
}

struct Api<'a> {
    http: reqwest::Client,
    url: &'a str,
    token: &'a str,
}

impl Api<'_> {
    async fn get(&self, path: &str) -> Result<Value, Error> {
        let failed = |problem: String| {
            let path = format!("GET {}", path.split('?').next().unwrap_or_default());
            Error::Deployment { url: self.url.to_owned(), path, problem }
        };
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(self.token);
        let response = request.send().await.map_err(|error| failed(innermost(&error)))?;
        let status = response.status();
        let body: Option<Value> = response.json().await.ok();
        match (status.is_success(), body) {
            (true, Some(body)) if body["data"].is_array() => Ok(body),
            (true, _) => Err(failed("this is no REST API of Switchboard".to_owned())),
            (false, body) => {
                let detail = body.and_then(|body| Some(format!(" ({})", body["detail"].as_str()?))).unwrap_or_default();
                let advice = match status.as_u16() {
                    401 | 403 => "; --token needs a valid token of an agent or admin",
                    _ => "",
                };
                Err(failed(format!("status {}{detail}{advice}", status.as_u16())))
            }
        }
    }
}
