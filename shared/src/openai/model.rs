//! The models that a server has: the list, and the check of one.

use reqwest::Method;
use serde_json::Value;
use time::{Date, format_description::BorrowedFormatItem, macros::format_description};

use super::{client::OpenAi, failure::Failure, transport::RequestKind};

const YYYY_MM_DD: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// A model as a server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub id: String,
    /// Unix time in seconds. Many servers say none, or the time of their own start.
    pub created: Option<i64>,
    /// The day on which OpenAI shuts the model down, `YYYY-MM-DD`; `None` if no date is set.
    pub shutdown_date: Option<String>,
}

/// The outcome of a model check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelCheck {
    /// `shutdown_date`: see [`Model::shutdown_date`].
    Known {
        shutdown_date: Option<String>,
    },
    Unknown,
    /// The server has no route for single models and lists none, so the check has no result.
    Undetermined,
}

/// The first page of a server's models. A server that lists more of them elsewhere proves no absence.
struct ModelPage {
    models: Vec<Model>,
    has_more: bool,
}

impl OpenAi {
    /// Checks that the server has a model. [`ModelCheck::Unknown`] requires the code `model_not_found`, or a list of
    /// models without it: most servers but OpenAI's have no route for single models, and say so in many formats.
    pub async fn model_check(&self, model: &str) -> Result<ModelCheck, Failure> {
        let request = || self.request(Method::GET, &["models", model], &[]);
        match self.fetch::<Value>(RequestKind::Idempotent, request).await {
            Ok(body) => {
                if let Some(Model { shutdown_date, .. }) = Model::parse(&body) {
                    return Ok(ModelCheck::Known { shutdown_date });
                }
            }
            Err(Failure::ModelMissing { is_coded: true }) => return Ok(ModelCheck::Unknown),
            // Neither says anything about the model.
            Err(failure @ Failure::Refused { status: 401 | 403, .. }) => return Err(failure),
            Err(Failure::Refused { .. } | Failure::ModelMissing { .. } | Failure::Interrupted { .. }) => {}
            Err(failure) => return Err(failure),
        }
        match self.model_page().await {
            Ok(page) => Ok(page.check(model)),
            Err(Failure::Refused { .. } | Failure::Interrupted { .. }) => Ok(ModelCheck::Undetermined),
            Err(failure) => Err(failure),
        }
    }

    /// The models that the server lists, on one page, as OpenAI does. Fails with [`Failure::Interrupted`] if the
    /// response is no list of models.
    pub async fn models(&self) -> Result<Vec<Model>, Failure> {
        Ok(self.model_page().await?.models)
    }

    async fn model_page(&self) -> Result<ModelPage, Failure> {
        let request = || self.request(Method::GET, &["models"], &[]);
        let body = self.fetch::<Value>(RequestKind::Idempotent, request).await?;
        ModelPage::parse(&body).ok_or(Failure::Interrupted { code: None })
    }
}

impl ModelPage {
    /// Parses a list under `data` (OpenAI's) or `models`, or a bare one. A list that is `null` is an empty one.
    fn parse(body: &Value) -> Option<Self> {
        let list = [body, &body["data"], &body["models"]].into_iter().find_map(Value::as_array);
        let is_null = |key| body.get(key).is_some_and(Value::is_null);
        if list.is_none() && !is_null("data") && !is_null("models") {
            return None;
        }
        let models = list.into_iter().flatten().filter_map(Model::parse).collect();
        Some(Self { models, has_more: body["has_more"] == true })
    }

    fn check(self, model: &str) -> ModelCheck {
        let is_complete = !self.models.is_empty() && !self.has_more;
        let is_possible = self.models.iter().any(|listed| listed.may_answer_to(model));
        match self.models.into_iter().find(|listed| listed.id == model) {
            Some(listed) => ModelCheck::Known { shutdown_date: listed.shutdown_date },
            None if is_complete && !is_possible => ModelCheck::Unknown,
            None => ModelCheck::Undetermined,
        }
    }
}

impl Model {
    /// True for the model's id, and for another variant of it: some servers answer to `name` where they list
    /// `name:latest`, others to `name:free` where they list `name`.
    pub fn may_answer_to(&self, id: &str) -> bool {
        let name = |id: &str| id.rsplit_once(':').map_or(id, |(name, _variant)| name).to_owned();
        self.id == id || (!id.starts_with("ft:") && name(&self.id) == name(id))
    }

    /// Parses an object with an `id` (elsewhere `model` or `name`), or the id alone.
    fn parse(value: &Value) -> Option<Self> {
        let id = [value, &value["id"], &value["model"], &value["name"]].into_iter().find_map(Value::as_str)?;
        let created = &value["created"];
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and only orders the models")]
        let created = created.as_i64().or_else(|| created.as_f64().map(|seconds| seconds as i64));
        Some(Self { id: id.to_owned(), created, shutdown_date: date(&value["shutdown_date"]) })
    }
}

/// A date as `YYYY-MM-DD`, also where a time of day follows; `None` if it is no date.
fn date(value: &Value) -> Option<String> {
    let day = value.as_str()?.trim().get(..10)?;
    Date::parse(day, YYYY_MM_DD).ok()?;
    Some(day.to_owned())
}
