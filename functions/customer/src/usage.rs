//! The usage of the tenant, by day and chatbot.

use lambda_http::Request;
use serde::Serialize;
use shared::{
    App, Error,
    domain::{Act, At, ChatbotId, Identity, Usage},
    http,
    store::DailyUsage,
};

/// The days that are listed where the caller names none: those up to today.
const DEFAULT_DAYS: u32 = 30;

/// Response of `GET /usage`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "UsagePage"))]
pub(crate) struct Page {
    data: Vec<UsageOfDay>,
    next_cursor: Option<String>,
}

/// A chatbot's usage on a day, in UTC.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct UsageOfDay {
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date")))]
    day: String,
    chatbot_id: ChatbotId,
    /// Messages of the bot.
    turns: u64,
    /// The tokens of these messages. 0 where the model's server does not count.
    tokens: Usage,
    /// Threads that went into the queue.
    hand_overs: u64,
}

/// Lists the usage of the days from `from` through `to`. Turns of the last ten minutes may be missing.
pub(crate) async fn list(app: &App, identity: &Identity, request: &Request) -> Result<Page, Error> {
    identity.may(Act::UsageRead)?;
    http::only_query(request, &["from", "to", "cursor"])?;
    let (now, today) = (app.now().seconds(), app.now().date());
    let first = i64::from(DEFAULT_DAYS - 1) * 24 * 60 * 60;
    let to = day(request, "to")?.unwrap_or(today);
    let from = day(request, "from")?.unwrap_or_else(|| At::from_seconds(now - first).date().min(to.clone()));
    if from > to {
        return Err(Error::invalid("from", "must not be after `to`"));
    }
    let cursor = day(request, "cursor")?;
    if cursor.as_ref().is_some_and(|cursor| !(&from..=&to).contains(&cursor)) {
        return Err(Error::invalid("cursor", "is not of this list"));
    }
    let (days, next_cursor) = app.store.usage_list(&identity.tenant, &cursor.unwrap_or(from), &to).await?;
    Ok(Page { data: days.into_iter().map(UsageOfDay::from).collect(), next_cursor })
}

/// A day in the query.
fn day(request: &Request, name: &str) -> Result<Option<String>, Error> {
    let Some(text) = http::query::<String>(request, name, "")? else { return Ok(None) };
    let at: Option<At> = format!("{text}T00:00:00.000Z").parse().ok();
    match at {
        Some(at) if at.date() == text => Ok(Some(text)),
        _ => Err(Error::invalid(name, "must be a day like 2026-11-30")),
    }
}

impl From<DailyUsage> for UsageOfDay {
    fn from(of: DailyUsage) -> Self {
        Self { day: of.day, chatbot_id: of.chatbot_id, turns: of.turns, tokens: of.usage, hand_overs: of.hand_overs }
    }
}
