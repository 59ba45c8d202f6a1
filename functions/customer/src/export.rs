//! Exporting a customer: JSON Lines, streamed page by page.
//!
//! The next page is read only when the one before is sent, so the export holds one page, however large it is and
//! however slow its reader. A line with a cursor follows each page; an export that was cut goes on after its last one.

use std::{collections::VecDeque, mem};

use bytes::Bytes;
use futures::stream;
use lambda_http::{
    Request, Response,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    App, Error,
    domain::{Act, At, Identity, Message, Note, ThreadId, audit::AuditedAct},
    http::{self, StreamingBody},
    store::{
        LogPlace,
        cursor::{self, Cursor},
    },
    time_left,
};
use tokio::time::{Duration, Instant};

/// Messages in a page: at most 32,000 characters each.
const PAGE_SIZE: usize = 50;

/// Threads that are listed at a time.
const THREADS_LISTED: usize = 20;

/// The part of the function's time in which no page is begun.
const RESERVED_FOR_A_PAGE: Duration = Duration::from_secs(20);

/// Counts of the lines that an export has written so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Totals {
    threads: u64,
    messages: u64,
    notes: u64,
}

/// The position after a page.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    thread: ThreadId,
    created_at: At,
    /// The place in its log; `None` where the whole thread is written.
    after: Option<LogPlace>,
    totals: Totals,
}

/// An export under way.
struct Export {
    app: App,
    identity: Identity,
    customer: String,
    totals: Totals,
    /// Threads that are listed and not begun, newest first.
    listed: VecDeque<(ThreadId, At)>,
    list: ListPlace,
    /// The thread whose log is being written, and the place in it.
    current: Option<(ThreadId, At, LogPlace)>,
    state: State,
    until: Option<Instant>,
}

/// The place in the list of the customer's threads.
enum ListPlace {
    Start,
    After(Cursor),
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begins,
    GoesOn,
    Over,
}

/// The response that streams an export.
pub(crate) async fn export(
    app: &App,
    identity: &Identity,
    request: &Request,
) -> Result<Response<StreamingBody>, Error> {
    identity.may(Act::CustomerExport)?;
    http::only_query(request, &["cursor"])?;
    let customer = http::path_subject(request, "customer_id")?;
    let until = time_left(request).map(|left| Instant::now() + left.saturating_sub(RESERVED_FOR_A_PAGE));
    let mut export = Export::new(app, identity, customer, until);
    if let Some(text) = http::query::<String>(request, "cursor", "")? {
        export.go_on(cursor::decode(&text)?).await?;
    }
    if let Some(entry) = app.audit_entry(identity, AuditedAct::CustomerExported) {
        app.store.audit_put(&identity.tenant, &entry).await?;
    }
    let pages = stream::unfold(export, |mut export| async move { Some((export.page().await?, export)) });
    let body = StreamingBody::Stream(Box::pin(pages));
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .header(CONTENT_TYPE, "application/x-ndjson")
        .header(CACHE_CONTROL, "no-store, no-transform")
        .header("x-accel-buffering", "no");
    for (name, value) in http::COMMON_HEADERS.into_iter().filter(|(name, _)| *name != "cache-control") {
        response = response.header(name, value);
    }
    response.body(body).map_err(Error::internal)
}

impl Export {
    fn new(app: &App, identity: &Identity, customer: String, until: Option<Instant>) -> Self {
        Self {
            app: app.clone(),
            identity: identity.clone(),
            customer,
            totals: Totals::default(),
            listed: VecDeque::new(),
            list: ListPlace::Start,
            current: None,
            state: State::Begins,
            until,
        }
    }

    /// Goes on after a position of an earlier export of this customer.
    async fn go_on(&mut self, position: Position) -> Result<(), Error> {
        let Position { thread, created_at, after, totals } = position;
        self.state = State::GoesOn;
        self.totals = totals;
        self.list = ListPlace::After(Cursor::of_customer(&thread, created_at));
        if let Some(after) = after {
            let found = self.app.store.thread_get_bare(&self.identity.tenant, &thread).await?;
            let is_theirs = found.is_some_and(|found| found.customer_id == self.customer);
            self.current = is_theirs.then_some((thread, created_at, after));
        }
        Ok(())
    }

    /// The lines of the next page. `None` at the end, and where the function's time is over.
    async fn page(&mut self) -> Option<Bytes> {
        if self.state == State::Over || self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        let mut lines = Vec::new();
        if let Err(error) = self.write_page(&mut lines).await {
            self.state = State::Over;
            tracing::warn!(%error, "an export was cut");
            let (_, code, _) = http::kind(&error);
            write(&mut lines, &json!({ "type": "error", "code": code, "detail": error.to_string() }));
        }
        Some(lines.into())
    }

    async fn write_page(&mut self, lines: &mut Vec<u8>) -> Result<(), Error> {
        if self.state == State::Begins {
            self.state = State::GoesOn;
            write(lines, &json!({ "type": "customer", "id": self.customer, "exported_at": self.app.now() }));
        }
        let Some((id, created_at, place)) = self.begun(lines).await? else {
            self.state = State::Over;
            let Totals { threads, messages, notes } = self.totals;
            write(lines, &json!({ "type": "end", "threads": threads, "messages": messages, "notes": notes }));
            return Ok(());
        };
        let page = self.app.store.log_page(&self.identity.tenant, &id, &place, PAGE_SIZE, true).await?;
        self.totals.messages += page.messages.len() as u64;
        self.totals.notes += page.notes.len() as u64;
        write_log(lines, &page.messages, page.notes);
        self.current = page.next.clone().map(|place| (id.clone(), created_at, place));
        let position = Position { thread: id, created_at, after: page.next, totals: self.totals };
        write(lines, &json!({ "type": "cursor", "cursor": cursor::encode(&position)? }));
        Ok(())
    }

    /// The thread whose log is written next, and the place to go on from: the current one, or the next one, which
    /// begins with lines of its own. `None` after the last.
    async fn begun(&mut self, lines: &mut Vec<u8>) -> Result<Option<(ThreadId, At, LogPlace)>, Error> {
        if let Some(current) = self.current.take() {
            return Ok(Some(current));
        }
        loop {
            let Some((id, created_at)) = self.next_listed().await? else { return Ok(None) };
            let Some((thread, metadata)) = self.app.store.thread_get(&self.identity.tenant, &id).await? else {
                continue;
            };
            self.app.audit_read(&self.identity, &id).await?;
            self.totals.threads += 1;
            write(lines, &json!({ "type": "thread", "thread": thread.view(&metadata) }));
            let marker =
                self.app.store.read_markers_get(&self.identity.tenant, [&id].into_iter(), &self.customer).await?;
            if let Some(seq) = marker.get(&id) {
                write(lines, &json!({ "type": "read_marker", "thread_id": id, "seq": seq }));
            }
            return Ok(Some((id, created_at, LogPlace::After(0))));
        }
    }

    async fn next_listed(&mut self) -> Result<Option<(ThreadId, At)>, Error> {
        while self.listed.is_empty() {
            let from = match mem::replace(&mut self.list, ListPlace::End) {
                ListPlace::Start => None,
                ListPlace::After(cursor) => Some(cursor),
                ListPlace::End => return Ok(None),
            };
            let store = &self.app.store;
            let (threads, next) =
                store.customer_threads_page(&self.identity.tenant, &self.customer, from, THREADS_LISTED).await?;
            self.list = next.map_or(ListPlace::End, ListPlace::After);
            let mut threads: Vec<_> = threads.into_iter().map(|it| (it.thread.id, it.thread.created_at)).collect();
            // A batch is read in no order; the list is newest first.
            threads.sort_by(|(one, at), (other, its)| (its, other).cmp(&(at, one)));
            self.listed.extend(threads);
        }
        Ok(self.listed.pop_front())
    }
}

/// Writes the messages, each followed by its notes.
fn write_log(lines: &mut Vec<u8>, messages: &[Message], notes: Vec<Note>) {
    let mut notes = notes.into_iter().peekable();
    for message in messages {
        while let Some(note) = notes.next_if(|note| note.after < message.seq) {
            write(lines, &json!({ "type": "note", "note": note }));
        }
        write(lines, &json!({ "type": "message", "message": message }));
    }
    for note in notes {
        write(lines, &json!({ "type": "note", "note": note }));
    }
}

fn write(lines: &mut Vec<u8>, line: &Value) {
    lines.extend_from_slice(line.to_string().as_bytes());
    lines.push(b'\n');
}
