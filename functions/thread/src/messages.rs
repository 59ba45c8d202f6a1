//! Reading the messages of a thread's log.

use lambda_http::Request;
use serde::{Deserialize, Serialize};
use shared::{
    App, Error,
    domain::{Act, Identity, Message, Note, ThreadId, Usage},
    http,
    store::cursor,
};

/// Response of `GET /threads/{thread_id}/messages`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "MessagePage"))]
pub(crate) struct Page {
    data: Vec<ListedMessage>,
    /// Internal notes of this page. The field is absent for customers, who must not learn that notes exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<Note>>,
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

/// Position in the log, and the direction of reading from it.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Position {
    After(u64),
    Before(u64),
}

/// Lists the messages after a `seq`, before one, or the newest; each page is sorted oldest first.
pub(crate) async fn messages(app: &App, identity: &Identity, id: &ThreadId, request: &Request) -> Result<Page, Error> {
    identity.may(Act::ThreadRead)?;
    http::only_query(request, &["after", "before", "limit", "cursor"])?;
    let limit = http::limit(request)?;
    let position = position(request)?;
    app.thread(identity, id).await?;
    let page = match position {
        Some(Position::After(seq)) => app.store.log_after(&identity.tenant, id, seq, limit).await?,
        Some(Position::Before(seq)) => app.store.log_before(&identity.tenant, id, Some(seq), limit).await?,
        None => app.store.log_before(&identity.tenant, id, None, limit).await?,
    };
    let next = match position {
        _ if !page.more => None,
        Some(Position::After(_)) => page.messages.last().map(|last| Position::After(last.seq)),
        _ => page.messages.first().map(|first| Position::Before(first.seq)),
    };
    let is_staff = identity.is_staff();
    let listed = |message: Message| ListedMessage { usage: message.usage.filter(|_| is_staff), message };
    Ok(Page {
        next_cursor: next.map(|next| cursor::encode(&next)).transpose()?,
        notes: is_staff.then_some(page.notes),
        data: page.messages.into_iter().map(listed).collect(),
    })
}

fn position(request: &Request) -> Result<Option<Position>, Error> {
    let seq = |name| http::query::<u64>(request, name, "must be a seq: a whole number, 0 or more");
    let cursor = http::query::<String>(request, "cursor", "")?.map(|text| cursor::decode(&text)).transpose()?;
    match (seq("after")?, seq("before")?, cursor) {
        (Some(after), None, None) => Ok(Some(Position::After(after))),
        (None, Some(before), None) => Ok(Some(Position::Before(before))),
        (None, None, position) => Ok(position),
        _ => Err(Error::invalid("cursor", "only one of after, before and cursor can be given")),
    }
}
