//! Reading the messages of a thread's log.

use std::time::Duration;

use lambda_http::Request;
use serde::Serialize;
use shared::{
    App, Error, Pauses,
    domain::{Act, Identity, Message, Note, ThreadId, Usage},
    http,
    store::{LogPlace, cursor},
    ui_message::UiMessage,
};
use tokio::time::Instant;

/// The longest wait that a caller may ask for: API Gateway gives up after 29 s.
const MAX_WAIT_SECONDS: u64 = 20;

/// Response of `GET /threads/{thread_id}/messages`.
#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "MessageList"))]
pub(crate) enum Listing {
    Log(Page),
    Ui(UiPage),
}

/// A page of the log.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "MessagePage"))]
pub(crate) struct Page {
    data: Vec<ListedMessage>,
    /// Internal notes of this page. The field is absent for customers, who must not learn that notes exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<Note>>,
    next_cursor: Option<String>,
}

/// A page of the log with `as=ui`: what was said, without changes of owner and notes.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "UiMessagePage"))]
pub(crate) struct UiPage {
    data: Vec<UiMessage>,
    next_cursor: Option<String>,
}

/// A message in the list.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ListedMessage {
    #[serde(flatten)]
    message: Message,
    /// The tokens that a bot's message took. The field is absent for customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// Lists the messages after a `seq`, before one, or the newest; each page is sorted oldest first. With `wait` it waits
/// for messages after that `seq`, where there are none yet. With `as=ui` they are those of the Vercel AI SDK.
pub(crate) async fn messages(
    app: &App,
    identity: &Identity,
    id: &ThreadId,
    request: &Request,
) -> Result<Listing, Error> {
    identity.may(Act::ThreadRead)?;
    http::only_query(request, &["after", "before", "limit", "cursor", "as", "wait"])?;
    let limit = http::limit(request)?;
    let (is_ui, mut place) = (is_ui(request)?, place(request)?);
    let until = wait(request)?.map(|wait| Instant::now() + wait);
    if until.is_some() && identity.is_visitor() {
        return Err(Error::Forbidden("visitors cannot wait; they listen on a socket"));
    }
    app.thread_read(identity, id).await?;
    let is_staff = identity.is_staff();
    let is_listed = |message: &Message| !is_ui || message.event.is_none();
    let mut pauses = Pauses::default();
    let page = loop {
        let page = app.store.log_page(&identity.tenant, id, &place, limit, is_staff && !is_ui).await?;
        let (LogPlace::After(after), Some(until)) = (&place, until) else { break page };
        if page.more || page.messages.iter().any(is_listed) {
            break page;
        }
        let seen = page.messages.last().map_or(*after, |last| last.seq);
        if !has_grown(app, &identity.tenant, id, seen, (&mut pauses, until)).await? {
            break page;
        }
        place = LogPlace::After(seen);
    };
    let next_cursor = page.next.map(|next| cursor::encode(&next)).transpose()?;
    if is_ui {
        return Ok(Listing::Ui(UiPage { data: page.messages.iter().filter_map(UiMessage::of).collect(), next_cursor }));
    }
    let listed = |message: Message| ListedMessage { usage: message.usage.filter(|_| is_staff), message };
    Ok(Listing::Log(Page {
        next_cursor,
        notes: is_staff.then_some(page.notes),
        data: page.messages.into_iter().map(listed).collect(),
    }))
}

/// Waits until the log has grown beyond `seen`; `false` where it has not until then. Each look is one small read.
async fn has_grown(
    app: &App,
    tenant: &str,
    id: &ThreadId,
    seen: u64,
    (pauses, until): (&mut Pauses, Instant),
) -> Result<bool, Error> {
    while pauses.next(Some(until)).await {
        let thread = app.store.thread_get_bare(tenant, id).await?.ok_or(Error::NotFound("thread"))?;
        if thread.seq > seen {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if the query asks for the messages of the Vercel AI SDK.
fn is_ui(request: &Request) -> Result<bool, Error> {
    match http::query::<String>(request, "as", "")?.as_deref() {
        None => Ok(false),
        Some("ui") => Ok(true),
        Some(_) => Err(Error::invalid("as", "must be ui")),
    }
}

/// The longest wait for messages, from the query.
fn wait(request: &Request) -> Result<Option<Duration>, Error> {
    let reason = format!("must be a number of seconds from 1 to {MAX_WAIT_SECONDS}");
    let Some(seconds) = http::query(request, "wait", &reason)? else { return Ok(None) };
    if !(1..=MAX_WAIT_SECONDS).contains(&seconds) {
        return Err(Error::invalid("wait", reason));
    }
    if http::query::<String>(request, "after", "")?.is_none() {
        return Err(Error::invalid("wait", "can only be given with after"));
    }
    Ok(Some(Duration::from_secs(seconds)))
}

/// The place to read from; the end of the log where the query names none.
fn place(request: &Request) -> Result<LogPlace, Error> {
    let seq = |name| http::query::<u64>(request, name, "must be a seq: a whole number, 0 or more");
    let cursor = http::query::<String>(request, "cursor", "")?.map(|text| cursor::decode(&text)).transpose()?;
    match (seq("after")?, seq("before")?, cursor) {
        (Some(after), None, None) => Ok(LogPlace::After(after)),
        (None, Some(before), None) => Ok(LogPlace::Before(before)),
        (None, None, place) => Ok(place.unwrap_or(LogPlace::END)),
        _ => Err(Error::invalid("cursor", "only one of after, before and cursor can be given")),
    }
}
