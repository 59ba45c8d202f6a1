//! Listing threads.

use lambda_http::Request;
use serde::Serialize;
use shared::{
    App, Error,
    domain::{Act, Details, Identity, Thread, identity::is_subject, thread},
    http,
    store::cursor,
};

const STATUSES: [&str; 4] = ["bot", "queued", "agent", "ended"];

#[derive(Serialize)]
pub(crate) struct Page {
    data: Vec<thread::View>,
    next_cursor: Option<String>,
}

/// A customer's own threads, newest first; or the tenant's, for agents: the queue from its longest wait, everything
/// else from its latest change of owner.
pub(crate) async fn list(app: &App, identity: &Identity, request: &Request) -> Result<Page, Error> {
    identity.may(Act::ThreadRead)?;
    http::only_query(request, &["status", "customer_id", "limit", "cursor"])?;
    let limit = http::limit(request)?;
    let status: Option<String> = http::query(request, "status", "")?;
    let status = status.as_deref();
    if status.is_some_and(|word| !STATUSES.contains(&word)) {
        return Err(Error::invalid("status", "must be bot, queued, agent or ended"));
    }
    let cursor = http::query::<String>(request, "cursor", "")?.map(|text| cursor::decode(&text)).transpose()?;
    let customer = customer(identity, http::query(request, "customer_id", "")?)?;
    let tenant = &identity.tenant;
    let page = match customer {
        Some(customer) => app.store.thread_list_of_customer(tenant, &customer, status, cursor, limit).await?,
        None => app.store.thread_list_of_tenant(tenant, status, cursor, limit).await?,
    };
    let ids = page.threads.iter().map(|(thread, _)| &thread.id);
    let marks = app.store.marks_get(tenant, ids, &identity.subject).await?;
    let view = |(thread, details): &(Thread, Details)| {
        let read_through = marks.get(&thread.id).copied().unwrap_or_default();
        thread.view(details).with_unread(thread.unread(identity, read_through))
    };
    Ok(Page {
        data: page.threads.iter().map(view).collect(),
        next_cursor: page.next.map(|next| cursor::encode(&next)).transpose()?,
    })
}

fn customer(identity: &Identity, named: Option<String>) -> Result<Option<String>, Error> {
    match named {
        Some(named) if identity.is_staff() => {
            if is_subject(&named) {
                Ok(Some(named))
            } else {
                Err(Error::invalid("customer_id", "cannot be anyone's"))
            }
        }
        Some(named) if named != identity.subject => Err(Error::Forbidden("a customer lists their own threads")),
        _ => Ok((!identity.is_staff()).then(|| identity.subject.clone())),
    }
}
