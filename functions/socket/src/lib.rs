//! `$connect`, `$disconnect`, `subscribe`, `unsubscribe`, `typing`, `read`, `ping` and `$default`: sockets that listen to
//! threads.
//!
//! Sockets only listen; a message is sent by REST. What people do meanwhile, write or read, is told to the others. Whatever is wrong with a frame is said in an `error` frame, and the
//! connection lives.

mod frame;
mod replay;
mod send;

use futures::{StreamExt, stream};
use lambda_http::{
    Body, Request, RequestExt, Response, aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequestContext,
    http::header::SEC_WEBSOCKET_PROTOCOL, request::RequestContext,
};
use shared::{
    App, Error,
    domain::{Act, ThreadId},
    http,
    sockets::Event,
    store::{Connection, SUBSCRIPTIONS_MAX},
};

use frame::{Ping, Read, Subscribe, Target, Typing, Unsubscribe};

/// Threads of one frame that are seen to at once.
const MAX_CONCURRENT_SUBSCRIPTIONS: usize = 8;

/// The subprotocol that a browser's token travels beside.
const PROTOCOL: &str = "switchboard.v1";

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    let Some(RequestContext::WebSocket(context)) = request.request_context_ref() else {
        return Ok(http::respond(Err(http::no_route())));
    };
    Ok(http::respond(route(app, &request, context).await))
}

async fn route(
    app: &App,
    request: &Request,
    context: &ApiGatewayWebsocketProxyRequestContext,
) -> Result<Response<Body>, Error> {
    let id = context.connection_id.as_deref().ok_or_else(|| Error::internal("the event has no connection id"))?;
    match context.route_key.as_deref() {
        Some("$connect") => connect(app, request, id).await,
        Some("$disconnect") => disconnect(app, context, id).await,
        Some(action) => {
            handle_frame(app, request, id, action).await;
            Ok(Response::new(Body::Empty))
        }
        None => Err(http::no_route()),
    }
}

/// Lets a socket in and remembers whose it is, until its token ends.
async fn connect(app: &App, request: &Request, id: &str) -> Result<Response<Body>, Error> {
    let identity = http::identity(app, request)?;
    app.store.connection_put(&Connection::new(id.into(), identity)).await?;
    let mut response = Response::new(Body::Empty);
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if offered.flat_map(|value| value.split(',')).any(|protocol| protocol.trim() == PROTOCOL) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, lambda_http::http::HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}

/// Forgets a socket. API Gateway tells of a disconnect as best it can; what it does not tell of, a post finds out.
async fn disconnect(
    app: &App,
    context: &ApiGatewayWebsocketProxyRequestContext,
    id: &str,
) -> Result<Response<Body>, Error> {
    let tenant = context.authorizer.fields.get("tenant").and_then(|tenant| tenant.as_str());
    let tenant = tenant.ok_or(Error::Unauthenticated("the event has no identity from the authorizer"))?;
    app.forget(tenant, id).await?;
    Ok(Response::new(Body::Empty))
}

/// Does what a frame asks for, and says what came of it to the connection: nobody reads the response.
async fn handle_frame(app: &App, request: &Request, id: &str, action: &str) {
    let result = match connection(app, request, id).await {
        Ok(connection) => dispatch(app, request, &connection, action).await,
        Err(error) => Err(error),
    };
    let Err(error) = result else { return };
    send::error(app, id, frame::thread_id(request), &error).await;
    if matches!(error, Error::Unauthenticated(_)) {
        app.sockets.close(id).await;
    }
}

/// The connection, as `$connect` left it. One whose token has ended is forgotten.
async fn connection(app: &App, request: &Request, id: &str) -> Result<Connection, Error> {
    let expired = Error::Unauthenticated("the token has expired: connect again with a new one");
    let context = request.request_context_ref().and_then(RequestContext::authorizer);
    let tenant = context.and_then(|context| context.fields.get("tenant")?.as_str().map(str::to_owned));
    let tenant = tenant.ok_or(Error::Unauthenticated("the event has no identity from the authorizer"))?;
    match app.store.connection_get(&tenant, id).await? {
        Some(connection) if !app.is_past(connection.identity.expires) => Ok(connection),
        Some(_) => {
            app.forget(&tenant, id).await?;
            Err(expired)
        }
        None => Err(expired),
    }
}

async fn dispatch(app: &App, request: &Request, connection: &Connection, action: &str) -> Result<(), Error> {
    match action {
        "subscribe" => subscribe(app, connection, frame::parse(request)?).await,
        "unsubscribe" => unsubscribe(app, connection, frame::parse(request)?).await,
        "typing" => typing(app, connection, frame::parse(request)?).await,
        "read" => read(app, connection, frame::parse(request)?).await,
        "ping" => ping(app, connection, frame::parse(request)?).await,
        _ => Err(frame::unknown_action(request)),
    }
}

/// Listens to the inbox, or to threads: what is wrong with one of them is said of it, and keeps no other from being heard.
async fn subscribe(app: &App, connection: &Connection, frame: Subscribe) -> Result<(), Error> {
    let threads = match frame.target()? {
        Target::Inbox => return subscribe_inbox(app, connection).await,
        Target::Threads(threads) => threads,
    };
    connection.identity.may(Act::ThreadRead)?;
    let new_count = threads.keys().filter(|id| !connection.threads.contains(*id)).count();
    if new_count > 0 && connection.threads.len() + new_count > SUBSCRIPTIONS_MAX {
        return Err(Error::conflict(format!("a connection can subscribe to at most {SUBSCRIPTIONS_MAX} threads")));
    }
    let subscriptions = stream::iter(threads).for_each_concurrent(MAX_CONCURRENT_SUBSCRIPTIONS, async |(id, after)| {
        if let Err(error) = subscribe_thread(app, connection, &id, after).await {
            send::error(app, &connection.id, Some(id), &error).await;
        }
    });
    subscriptions.await;
    Ok(())
}

async fn subscribe_inbox(app: &App, connection: &Connection) -> Result<(), Error> {
    connection.identity.may(Act::Note)?;
    app.store.inbox_put(connection).await?;
    send::event(app, &connection.id, &Event::Subscribed { thread_id: None, seq: None, more: false }).await;
    Ok(())
}

/// Stores the subscription, *then* reads the log. A poster saves, *then* reads the subscriptions: one sees the other.
async fn subscribe_thread(app: &App, connection: &Connection, id: &ThreadId, after: Option<u64>) -> Result<(), Error> {
    app.thread(&connection.identity, id).await?;
    if !app.store.subscription_put(connection, id).await? {
        return Ok(());
    }
    replay::on_subscribe(app, connection, id, after).await?;
    app.broadcast_arrival(connection, id).await
}

async fn unsubscribe(app: &App, connection: &Connection, frame: Unsubscribe) -> Result<(), Error> {
    let Some(id) = frame.target()? else { return app.store.inbox_delete(connection).await };
    app.store.subscription_delete(connection, &id).await?;
    app.broadcast_departure(connection, [&id]).await;
    Ok(())
}

/// Tells the others who listen that somebody is writing. Nothing is kept of it.
async fn typing(app: &App, connection: &Connection, frame: Typing) -> Result<(), Error> {
    let (thread_id, identity) = (subscribed(connection, frame.thread_id)?, &connection.identity);
    let event = Event::Typing { thread_id: thread_id.clone(), who: identity.participant(), on: frame.on };
    app.broadcast_to_others(&identity.tenant, &thread_id, &identity.subject, &event).await
}

/// Remembers how far somebody has read, and tells the others.
async fn read(app: &App, connection: &Connection, frame: Read) -> Result<(), Error> {
    let (thread_id, identity) = (subscribed(connection, frame.thread_id)?, &connection.identity);
    let thread = app.store.thread_get_bare(&identity.tenant, &thread_id).await?.ok_or(Error::NotFound("thread"))?;
    if frame.seq > thread.seq {
        return Err(Error::invalid("seq", format!("must be at most {}, the thread's last seq", thread.seq)));
    }
    if !app.store.read_marker_put(&identity.tenant, &thread_id, &identity.subject, frame.seq, app.now()).await? {
        return Ok(());
    }
    let event = Event::Read { thread_id: thread_id.clone(), who: identity.participant(), seq: frame.seq };
    app.broadcast_to_others(&identity.tenant, &thread_id, &identity.subject, &event).await
}

/// A thread that the connection listens to, and so may know of.
fn subscribed(connection: &Connection, id: ThreadId) -> Result<ThreadId, Error> {
    if connection.threads.contains(&id) { Ok(id) } else { Err(Error::conflict("subscribe to the thread first")) }
}

/// Answers, and sends what is missing after what the client says it has. One thread that is gone keeps no other from being
/// healed.
async fn ping(app: &App, connection: &Connection, frame: Ping) -> Result<(), Error> {
    send::event(app, &connection.id, &Event::Pong).await;
    for (id, seq) in frame.threads {
        if let Err(error) = replay::on_ping(app, connection, &id, seq).await {
            send::error(app, &connection.id, Some(id), &error).await;
        }
    }
    Ok(())
}

/// Describes what a client may say, by its action.
#[cfg(feature = "schema")]
pub fn frames(generator: &mut schemars::SchemaGenerator) -> [(&'static str, schemars::Schema); 5] {
    frame::schemas(generator)
}
