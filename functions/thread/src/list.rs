//! Listing threads.

use std::collections::HashMap;

use lambda_http::Request;
use serde::Serialize;
use shared::{
    App, Error,
    domain::{
        Act, At, Identity, Message, Person, Status, Thread, ThreadMetadata, identity::is_subject, message, thread,
    },
    http, rows_that_fit,
    store::cursor::{self, Cursor},
};

/// Response of `GET /threads`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ThreadPage"))]
pub(crate) struct Page {
    data: Vec<ListedThread>,
    next_cursor: Option<String>,
}

/// A thread in the list.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ListedThread {
    #[serde(flatten)]
    thread: thread::View,
    /// The last message, if `with=last_message` is given. Absent if the latest log entries are all changes of owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message: Option<MessagePreview>,
    /// The customer's last message, with the same parameter. Absent if the customer has written nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_customer_message: Option<MessagePreview>,
}

/// The beginning of a message.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct MessagePreview {
    seq: u64,
    role: message::Role,
    author: Person,
    text: String,
    at: At,
}

/// Maximum length of [`MessagePreview::text`] in characters.
const MAX_PREVIEW_CHARS: usize = 200;

/// Lists one customer's threads, newest first; or, for agents and admins who name no customer, the tenant's threads:
/// queued ones by longest wait first, all others by latest change of owner first.
pub(crate) async fn list(app: &App, identity: &Identity, request: &Request) -> Result<Page, Error> {
    identity.may(Act::ThreadRead)?;
    http::only_query(request, &["status", "customer_id", "with", "limit", "cursor"])?;
    let mut limit = http::limit(request)?;
    let status: Option<String> = http::query(request, "status", "")?;
    let status = status.as_deref();
    if status.is_some_and(|word| !Status::WORDS.contains(&word)) {
        return Err(Error::invalid("status", "must be bot, queued, agent or ended"));
    }
    let with: Option<String> = http::query(request, "with", "")?;
    if with.as_ref().is_some_and(|with| with != "last_message") {
        return Err(Error::invalid("with", "must be last_message"));
    }
    let cursor = http::query::<String>(request, "cursor", "")?.map(|text| cursor::decode(&text)).transpose()?;
    let customer_id = customer_id(identity, http::query(request, "customer_id", "")?)?;
    app.check_access(identity).await?;
    let listing = Listing { app, identity, status, customer_id: customer_id.as_deref(), has_previews: with.is_some() };
    loop {
        let page = listing.page(cursor.clone(), limit).await?;
        let fitting = rows_that_fit(&page.data);
        if fitting == page.data.len() {
            return Ok(page);
        }
        // Read again with fewer: the cursor behind a row comes from the index alone.
        limit = fitting;
    }
}

/// The list that a request asks for.
struct Listing<'a> {
    app: &'a App,
    identity: &'a Identity,
    status: Option<&'a str>,
    customer_id: Option<&'a str>,
    has_previews: bool,
}

impl Listing<'_> {
    async fn page(&self, cursor: Option<Cursor>, limit: usize) -> Result<Page, Error> {
        let Self { app, identity, status, customer_id, .. } = *self;
        let tenant = &identity.tenant;
        let page = match customer_id {
            Some(customer_id) => app.store.thread_list_of_customer(tenant, customer_id, status, cursor, limit).await?,
            None => app.store.thread_list_of_tenant(tenant, status, cursor, limit).await?,
        };
        let threads: Vec<&Thread> = page.threads.iter().map(|(thread, _)| thread).collect();
        let ids = threads.iter().map(|thread| &thread.id);
        let read_markers = app.store.read_markers_get(tenant, ids, &identity.subject);
        let last_messages =
            async { if self.has_previews { app.store.last_messages(&threads).await } else { Ok(HashMap::new()) } };
        let (read_markers, last_messages) = tokio::try_join!(read_markers, last_messages)?;
        let row = |(thread, metadata): &(Thread, ThreadMetadata)| {
            let read_through = read_markers.get(&thread.id).copied().unwrap_or_default();
            let last = last_messages.get(&thread.id);
            ListedThread {
                thread: crate::view(identity, thread, metadata, read_through),
                last_message: last.and_then(|last| last.of_anyone.as_ref()).map(MessagePreview::of),
                last_customer_message: last.and_then(|last| last.of_customer.as_ref()).map(MessagePreview::of),
            }
        };
        Ok(Page {
            data: page.threads.iter().map(row).collect(),
            next_cursor: page.next.map(|next| cursor::encode(&next)).transpose()?,
        })
    }
}

impl MessagePreview {
    fn of(message: &Message) -> Self {
        Self {
            seq: message.seq,
            role: message.role,
            author: message.author.clone(),
            text: message.text.chars().take(MAX_PREVIEW_CHARS).collect(),
            at: message.at,
        }
    }
}

/// The customer whose threads are listed; `None` for those of the whole tenant.
fn customer_id(identity: &Identity, requested: Option<String>) -> Result<Option<String>, Error> {
    match requested {
        Some(requested) if identity.is_staff() => {
            if is_subject(&requested) {
                Ok(Some(requested))
            } else {
                Err(Error::invalid("customer_id", "is not a valid customer id"))
            }
        }
        Some(requested) if requested != identity.subject => {
            Err(Error::Forbidden("customers may list only their own threads"))
        }
        _ => Ok((!identity.is_staff()).then(|| identity.subject.clone())),
    }
}
