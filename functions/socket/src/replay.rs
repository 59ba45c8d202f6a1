//! Sending again what a client has missed.

use shared::{
    App, Error,
    domain::ThreadId,
    sockets::{Event, Posted},
    store::Connection,
};

use crate::send;

/// The most messages sent again at once; a client asks for more with the last `seq` it got.
const MAX_REPLAYED_MESSAGES: usize = 200;

/// After a subscription: what follows `after`, and how far the log goes.
pub(crate) async fn on_subscribe(
    app: &App,
    connection: &Connection,
    id: &ThreadId,
    after: Option<u64>,
) -> Result<(), Error> {
    let (sent_through, more) = match after {
        Some(after) => send_batch(app, connection, id, after).await?,
        None => (app.thread(&connection.identity, id).await?.0.seq, false),
    };
    send::event(app, &connection.id, &Event::Subscribed { thread_id: Some(id.clone()), seq: Some(sent_through), more })
        .await;
    Ok(())
}

/// After a ping: what follows `after`, where the caller may know of the thread.
pub(crate) async fn on_ping(app: &App, connection: &Connection, id: &ThreadId, after: u64) -> Result<(), Error> {
    let (thread, _) = app.thread(&connection.identity, id).await?;
    if thread.seq > after {
        send_batch(app, connection, id, after).await?;
    }
    Ok(())
}

/// Sends the next batch; says through which `seq`, and whether there is more.
async fn send_batch(app: &App, connection: &Connection, id: &ThreadId, after: u64) -> Result<(u64, bool), Error> {
    let page = app.store.log_after(&connection.identity.tenant, id, after, MAX_REPLAYED_MESSAGES).await?;
    let mut through = after;
    for message in &page.messages {
        if send::event(app, &connection.id, &Event::message(message)).await != Posted::Sent {
            return Ok((through, true));
        }
        through = message.seq;
    }
    Ok((through, page.more))
}
