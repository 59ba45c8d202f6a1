//! Reading the audit trail, newest first, day by day.

use std::time::Duration;

use lambda_http::Request;
use serde::{Deserialize, Serialize};
use shared::{
    App, Error,
    domain::{Act, At, Identity, ThreadId, audit::AuditEntry},
    http,
    store::{cursor, key},
};

/// The days, and the pages of a day, that one request reads: with filters, or without entries, a page may be short.
const MAX_READS: usize = 32;

/// The length of a day of UTC.
const DAY: Duration = Duration::from_hours(24);

/// The days before `to` that are read where `from` is absent.
const DEFAULT_DAYS: u32 = 30;

/// Response of `GET /audit`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AuditPage"))]
pub(crate) struct Page {
    data: Vec<AuditEntry>,
    /// Absent entries may follow an empty page: go on while this is not null.
    next_cursor: Option<String>,
}

/// The position in the trail: a day, and the last entry read of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    day: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

pub(crate) async fn audit(app: &App, identity: &Identity, request: &Request) -> Result<Page, Error> {
    identity.may(Act::AuditRead)?;
    http::only_query(request, &["from", "to", "actor", "thread_id", "limit", "cursor"])?;
    let limit = http::limit(request)?;
    let to = day(request, "to")?.unwrap_or_else(|| start_of(app.now()));
    let from = day(request, "from")?.unwrap_or_else(|| earlier(to, DEFAULT_DAYS));
    let actor: Option<String> = http::query(request, "actor", "")?;
    let thread: Option<ThreadId> = http::query(request, "thread_id", "must be a thread's id")?;
    let cursor = http::query::<String>(request, "cursor", "")?;
    let mut position = match cursor {
        None => Position { day: to.date(), before: None },
        Some(text) => cursor::decode(&text)?,
    };
    // Not every text can be a key of the table.
    if position.before.as_deref().is_some_and(|before| !key::is_audit(before)) {
        return Err(invalid_cursor());
    }
    let matches = |entry: &AuditEntry| {
        actor.as_ref().is_none_or(|actor| entry.actor.id == *actor)
            && thread.as_ref().is_none_or(|thread| entry.thread_id.as_ref() == Some(thread))
    };
    let mut data = Vec::new();
    for _ in 0..MAX_READS {
        let current = parse_day(&position.day).filter(|day| *day <= to).ok_or_else(invalid_cursor)?;
        if current < from {
            return Ok(Page { data, next_cursor: None });
        }
        let wanted = limit - data.len();
        let (entries, more) =
            app.store.audit_page(&identity.tenant, &position.day, position.before.take(), wanted).await?;
        let last = entries.last().map(|entry| key::audit(&identity.tenant, entry.at, &entry.id).sk);
        data.extend(entries.into_iter().filter(matches));
        position = match last {
            Some(last) if more => Position { day: position.day, before: Some(last) },
            _ => Position { day: earlier(current, 1).date(), before: None },
        };
        if data.len() >= limit {
            break;
        }
    }
    let is_over = parse_day(&position.day).is_none_or(|day| day < from);
    let next_cursor = (!is_over).then(|| cursor::encode(&position)).transpose()?;
    Ok(Page { data, next_cursor })
}

fn invalid_cursor() -> Error {
    Error::invalid("cursor", "is not a valid cursor for this list")
}

fn day(request: &Request, name: &str) -> Result<Option<At>, Error> {
    let reason = "must be a day of UTC, as 2026-11-30";
    let text = http::query::<String>(request, name, reason)?;
    text.map(|text| parse_day(&text).ok_or_else(|| Error::invalid(name, reason))).transpose()
}

fn parse_day(text: &str) -> Option<At> {
    format!("{text}T00:00:00.000Z").parse().ok()
}

fn start_of(at: At) -> At {
    parse_day(&at.date()).unwrap_or(at)
}

fn earlier(day: At, days: u32) -> At {
    At::from_seconds(day.seconds() - i64::from(days) * DAY.as_secs().cast_signed())
}
