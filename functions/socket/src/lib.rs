//! `$connect`, `$disconnect`, `subscribe`, `unsubscribe`, `typing`, `read`, `ping` and `$default`: WebSocket
//! connections that subscribe to threads.
//!
//! Messages are sent by REST, never over a socket. `typing` and `read` events are broadcast to the thread's other
//! subscribers. An invalid frame is answered by an `error` event, and the connection stays open.

mod frame;
mod replay;
mod send;

use futures::{StreamExt, stream};
use lambda_http::{
    Body, LambdaEvent, Request, RequestExt, Response,
    aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequestContext},
    http::header::SEC_WEBSOCKET_PROTOCOL,
    lambda_runtime,
    request::{LambdaRequest, RequestContext},
    service_fn,
};
use shared::{
    App, Error,
    domain::{Act, ThreadId},
    http,
    sockets::Event,
    store::{Connection, MAX_SUBSCRIPTIONS},
};

use frame::{Ping, Read, Subscribe, Target, Typing, Unsubscribe};
use replay::Round;

/// Concurrent subscriptions of one `subscribe` frame.
const MAX_CONCURRENT_SUBSCRIPTIONS: usize = 8;

/// Subprotocol that a browser offers along with the one that holds its token.
const PROTOCOL: &str = "switchboard.v1";

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let app = App::from_env().await?;
    lambda_runtime::run(service_fn(|event| answer(&app, event))).await
}

/// Handles an event as [`handle`] does, and returns the response in the form that API Gateway reads: `{statusCode,
/// headers, multiValueHeaders, body, isBase64Encoded}`.
///
/// `lambda_http::run` leaves `headers` empty, but AWS documents the subprotocol of `$connect` for `headers` alone. A
/// browser fails a socket whose subprotocol is not chosen.
pub async fn answer(
    app: &App,
    event: LambdaEvent<LambdaRequest>,
) -> Result<ApiGatewayProxyResponse, lambda_http::Error> {
    let (event, context) = event.into_parts();
    let request = Request::from(event).with_lambda_context(context);
    // In a box: the futures within are as deep as the compiler allows.
    Ok(proxy_response(Box::pin(handle(app, request)).await?))
}

/// The response with its headers in both forms; a name and value in both counts once.
fn proxy_response(response: Response<Body>) -> ApiGatewayProxyResponse {
    let (parts, body) = response.into_parts();
    let mut proxy = ApiGatewayProxyResponse::default();
    proxy.status_code = parts.status.as_u16().into();
    proxy.headers = parts.headers.clone();
    proxy.multi_value_headers = parts.headers;
    proxy.is_base64_encoded = matches!(body, Body::Binary(_));
    proxy.body = Some(body).filter(|body| !matches!(body, Body::Empty));
    proxy
}

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

/// Accepts a connection and stores it with its identity, until the token expires.
async fn connect(app: &App, request: &Request, id: &str) -> Result<Response<Body>, Error> {
    let identity = http::identity(app, request)?;
    app.check_access(&identity).await?;
    app.store.connection_put(&Connection::new(id.into(), identity), app.now()).await?;
    let mut response = Response::new(Body::Empty);
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if offered.flat_map(|value| value.split(',')).any(|protocol| protocol.trim() == PROTOCOL) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, lambda_http::http::HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}

/// Deletes a connection. API Gateway sends `$disconnect` on a best-effort basis; a connection that it missed is deleted
/// when a post to it finds it gone.
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

/// Handles a frame. An error is sent to the connection as an event, since the HTTP response does not reach the client;
/// a connection whose token has expired is closed.
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

/// Loads the connection stored by `$connect`. One whose token has expired is deleted.
async fn connection(app: &App, request: &Request, id: &str) -> Result<Connection, Error> {
    let expired = Error::Unauthenticated("the token has expired: connect again with a new one");
    let context = request.request_context_ref().and_then(RequestContext::authorizer);
    let tenant = context.and_then(|context| context.fields.get("tenant")?.as_str().map(str::to_owned));
    let tenant = tenant.ok_or(Error::Unauthenticated("the event has no identity from the authorizer"))?;
    match app.store.connection_get(&tenant, id).await? {
        Some(connection) if !app.is_past(connection.identity.expires) => {
            app.check_access(&connection.identity).await?;
            Ok(connection)
        }
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

/// Subscribes to the inbox or to threads. An error for one thread is sent with its id and does not affect the others.
async fn subscribe(app: &App, connection: &Connection, frame: Subscribe) -> Result<(), Error> {
    let threads = match frame.target()? {
        Target::Inbox => return subscribe_inbox(app, connection).await,
        Target::Threads(threads) => threads,
    };
    connection.identity.may(Act::ThreadRead)?;
    let new_count = threads.keys().filter(|id| !connection.threads.contains(*id)).count();
    if new_count > 0 && connection.threads.len() + new_count > MAX_SUBSCRIPTIONS {
        return Err(Error::conflict(format!("a connection can subscribe to at most {MAX_SUBSCRIPTIONS} threads")));
    }
    let round = &Round::new(app, connection);
    let subscriptions = stream::iter(threads).for_each_concurrent(MAX_CONCURRENT_SUBSCRIPTIONS, async |(id, after)| {
        if let Err(error) = subscribe_thread(app, connection, round, &id, after).await {
            send::error(app, &connection.id, Some(id), &error).await;
        }
    });
    subscriptions.await;
    Ok(())
}

/// Subscribes to the tenant's inbox.
async fn subscribe_inbox(app: &App, connection: &Connection) -> Result<(), Error> {
    connection.identity.may(Act::Note)?;
    app.store.inbox_put(connection).await?;
    send::event(app, &connection.id, &Event::Subscribed { thread_id: None, seq: None, more: false }).await;
    Ok(())
}

/// Stores the subscription, *then* reads the log. A poster saves, *then* reads the subscriptions: one sees the other.
async fn subscribe_thread(
    app: &App,
    connection: &Connection,
    round: &Round<'_>,
    id: &ThreadId,
    after: Option<u64>,
) -> Result<(), Error> {
    let identity = &connection.identity;
    let (thread, _) = app.thread_read(identity, id).await?;
    if !app.store.subscription_put(connection, id).await? {
        return Ok(());
    }
    round.on_subscribe(id, thread.seq, after).await?;
    app.broadcast_arrival(connection, id).await
}

/// Ends a subscription. Of one that never was, nobody is told.
async fn unsubscribe(app: &App, connection: &Connection, frame: Unsubscribe) -> Result<(), Error> {
    let Some(id) = frame.target()? else { return app.store.inbox_delete(connection).await };
    if app.store.subscription_delete(connection, &id).await? {
        app.broadcast_departure(connection, [&id]).await;
    }
    Ok(())
}

/// Broadcasts a `typing` event to the thread's other subscribers. Nothing is stored.
async fn typing(app: &App, connection: &Connection, frame: Typing) -> Result<(), Error> {
    let (thread_id, identity) = (subscribed(connection, frame.thread_id)?, &connection.identity);
    let event = Event::Typing { thread_id: thread_id.clone(), who: identity.participant(), on: frame.on };
    app.broadcast_to_others(&identity.tenant, &thread_id, &identity.subject, &event).await
}

/// Stores the caller's read marker and broadcasts a `read` event to the thread's other subscribers.
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

/// Checks that the connection is subscribed to a thread, and so has access to it.
fn subscribed(connection: &Connection, id: ThreadId) -> Result<ThreadId, Error> {
    if connection.threads.contains(&id) { Ok(id) } else { Err(Error::conflict("subscribe to the thread first")) }
}

/// Sends `pong`, then the messages that the client lacks in each thread. An error for one thread does not affect the
/// others.
async fn ping(app: &App, connection: &Connection, frame: Ping) -> Result<(), Error> {
    if frame.threads.len() > MAX_SUBSCRIPTIONS {
        return Err(Error::invalid("threads", format!("must be at most {MAX_SUBSCRIPTIONS} threads")));
    }
    send::event(app, &connection.id, &Event::Pong).await;
    let round = Round::new(app, connection);
    for (id, seq) in frame.threads {
        if let Err(error) = round.on_ping(&id, seq).await {
            send::error(app, &connection.id, Some(id), &error).await;
        }
    }
    Ok(())
}

/// JSON Schemas of the frames that a client may send, by action.
#[cfg(feature = "schema")]
pub fn frames(generator: &mut schemars::SchemaGenerator) -> [(&'static str, schemars::Schema); 5] {
    frame::schemas(generator)
}
