//! Replaying messages that a client has missed.

use shared::{
    App, Error,
    domain::ThreadId,
    sockets::{Event, Posted},
    store::Connection,
};

use crate::send;

/// Maximum number of messages per replay. A client asks for more with the last `seq` that it received.
const MAX_REPLAYED_MESSAGES: usize = 200;

/// Replays the messages after `after`, if given, then sends `subscribed` with the last `seq` that the client now has.
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

/// Replays the messages after `after`, if the caller has access to the thread.
pub(crate) async fn on_ping(app: &App, connection: &Connection, id: &ThreadId, after: u64) -> Result<(), Error> {
    let (thread, _) = app.thread(&connection.identity, id).await?;
    if thread.seq > after {
        send_batch(app, connection, id, after).await?;
    }
    Ok(())
}

/// Sends the next batch. Returns the last `seq` sent, and true if there are more messages.
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
