//! Merging: a visitor who signs in takes their threads along.

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use shared::{
    App, Error,
    domain::{Act, Identity, ThreadId, thread::View},
    retry_on_conflict,
    sockets::Event,
    store::{Commit, Committed},
};

use crate::VisitorTokens;

/// The threads that one request merges at most.
const MAX_THREADS: usize = 50;

/// Body of `POST /visitors/merge`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Merge"))]
pub(crate) struct MergeRequest {
    /// The visitor's token, as `POST /visitors` gave it. One that has expired counts for thirty days.
    visitor_token: String,
}

/// Response of `POST /visitors/merge`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Merged"))]
pub(crate) struct Merged {
    /// The threads that are the caller's from now on, newest first.
    threads: Vec<View>,
    /// True if the visitor has other threads, which the same request merges when it is sent again.
    has_more: bool,
}

/// Gives the visitor's threads to the caller. Either token proves one of the two: the caller's in `Authorization`, the
/// visitor's in the body. A thread is merged once, since it is not the visitor's any more.
pub(crate) async fn merge(
    app: &App,
    tokens: &VisitorTokens,
    identity: &Identity,
    body: MergeRequest,
    origin: Option<&str>,
) -> Result<Merged, Error> {
    identity.may(Act::VisitorMerge)?;
    if identity.is_visitor() {
        return Err(Error::Forbidden("only a customer who has signed in may take over a visitor's threads"));
    }
    let (tenant, keys) = (&identity.tenant, tokens.keys().await?);
    let Some(visitor) = keys.visitor_id_on(&body.visitor_token, tenant, origin) else {
        return Err(Error::invalid("visitor_token", "is not the token of a visitor of this tenant on this origin"));
    };
    for (who, id) in [("the visitor is being erased", &visitor), ("the customer is being erased", &identity.subject)] {
        if app.store.erasure_pending(tenant, id).await?.is_some() {
            return Err(Error::conflict(who));
        }
    }
    let (found, next) = app.store.customer_threads_page(tenant, &visitor, None, MAX_THREADS).await?;
    let ids = found.into_iter().filter(|found| !found.is_tombstone).map(|found| found.thread.id);
    let merged = join_all(ids.map(|id| merge_thread(app, identity, &visitor, id))).await;
    // Also where one of them has failed: nobody may go on hearing the others.
    disconnect(app, tenant, &visitor).await?;
    for view in merged.iter().flatten().flatten() {
        app.broadcast_to_inbox(tenant, &Event::thread(view.clone())).await;
    }
    let merged = merged.into_iter().collect::<Result<Vec<_>, _>>()?;
    let threads = merged.into_iter().flatten().collect();
    if next.is_none() {
        // Their records hold what was answered to the visitor, whom nothing names any more.
        app.store.idempotency_of_customer_delete(tenant, &visitor, app.now()).await?;
    }
    Ok(Merged { threads, has_more: next.is_some() })
}

/// Gives one thread to the caller. `None` if it is not the visitor's any more.
async fn merge_thread(app: &App, identity: &Identity, visitor: &str, id: ThreadId) -> Result<Option<View>, Error> {
    let merging = retry_on_conflict(|| async {
        let found = app.store.thread_get(&identity.tenant, &id).await?;
        let Some((before, metadata)) = found.filter(|(thread, _)| thread.customer_id == visitor) else {
            return Ok(Some(None));
        };
        let after = before.given_to(identity, app.now());
        match app.store.thread_commit(&before, Commit::new(after)).await? {
            Committed::Done(thread) => Ok(Some(Some(thread.view(&metadata)))),
            _ => Ok(None),
        }
    });
    merging.await
}

/// Closes the visitor's sockets, which would go on hearing threads that are not theirs.
async fn disconnect(app: &App, tenant: &str, visitor: &str) -> Result<(), Error> {
    for id in app.store.connections_of_customer(tenant, visitor, app.now()).await? {
        app.disconnect(tenant, visitor, &id).await?;
    }
    Ok(())
}
