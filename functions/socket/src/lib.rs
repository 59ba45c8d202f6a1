//! `$connect`, `$disconnect`, `subscribe`, `unsubscribe`, `ping` and `$default`: sockets that listen to threads.
//!
//! Sockets only listen; a message is sent by REST. Whatever is wrong with a frame is said in an `error` frame, and the
//! connection lives.

mod frame;
mod replay;

use lambda_http::{
    Body, Request, RequestExt, Response, aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequestContext,
    http::header::SEC_WEBSOCKET_PROTOCOL, request::RequestContext,
};
use shared::{
    App, Error,
    domain::Act,
    http,
    sockets::Event,
    store::{Connection, SUBSCRIPTIONS_MAX},
};

use frame::{Ping, Subscribe, Unsubscribe};

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
    let id = context.connection_id.as_deref().ok_or_else(|| Error::internal("an event without a connection"))?;
    match context.route_key.as_deref() {
        Some("$connect") => connect(app, request, id).await,
        Some("$disconnect") => disconnect(app, context, id).await,
        Some(action) => {
            said(app, request, id, action).await;
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
    let tenant = tenant.ok_or(Error::Unauthenticated("the event carries no identity"))?;
    app.store.connection_delete(tenant, id).await?;
    Ok(Response::new(Body::Empty))
}

/// Does what a frame asks for, and says what came of it to the connection: nobody reads the response.
async fn said(app: &App, request: &Request, id: &str, action: &str) {
    let result = match connection(app, request, id).await {
        Ok(connection) => act(app, request, &connection, action).await,
        Err(error) => Err(error),
    };
    let Err(error) = result else { return };
    let (_, code, _) = http::kind(&error);
    let ends = matches!(error, Error::Unauthenticated(_));
    if let Error::Internal(cause) = &error {
        tracing::error!(connection = id, cause, "a frame could not be dealt with");
    }
    let code = if ends { "token_expired" } else { code };
    let thread_id = frame::thread_of(request);
    reply(app, id, &Event::Error { thread_id, code, detail: error.to_string() }).await;
    if ends {
        app.sockets.close(id).await;
    }
}

/// The connection, as `$connect` left it. One whose token has ended is forgotten.
async fn connection(app: &App, request: &Request, id: &str) -> Result<Connection, Error> {
    let over = Error::Unauthenticated("the token has expired: connect again with a new one");
    let context = request.request_context_ref().and_then(RequestContext::authorizer);
    let tenant = context.and_then(|context| context.fields.get("tenant")?.as_str().map(str::to_owned));
    let tenant = tenant.ok_or(Error::Unauthenticated("the event carries no identity"))?;
    match app.store.connection_get(&tenant, id).await? {
        Some(connection) if !app.is_past(connection.identity.expires) => Ok(connection),
        Some(_) => {
            app.store.connection_delete(&tenant, id).await?;
            Err(over)
        }
        None => Err(over),
    }
}

async fn act(app: &App, request: &Request, connection: &Connection, action: &str) -> Result<(), Error> {
    match action {
        "subscribe" => subscribe(app, connection, frame::read(request)?).await,
        "unsubscribe" => unsubscribe(app, connection, frame::read(request)?).await,
        "ping" => ping(app, connection, frame::read(request)?).await,
        _ => Err(frame::unknown(request)),
    }
}

/// Stores the subscription, *then* reads the log. A poster saves, *then* reads the subscriptions: one sees the other.
async fn subscribe(app: &App, connection: &Connection, ask: Subscribe) -> Result<(), Error> {
    let identity = &connection.identity;
    let Some(id) = ask.target()? else {
        identity.may(Act::Note)?;
        app.store.inbox_put(connection).await?;
        reply(app, &connection.id, &Event::Subscribed { thread_id: None, seq: None, more: false }).await;
        return Ok(());
    };
    identity.may(Act::ThreadRead)?;
    app.thread(identity, &id).await?;
    if connection.threads.len() >= SUBSCRIPTIONS_MAX && !connection.threads.contains(&id) {
        return Err(Error::conflict(format!("a socket listens to at most {SUBSCRIPTIONS_MAX} threads")));
    }
    if !app.store.subscription_put(connection, &id).await? {
        return Ok(());
    }
    replay::after(app, connection, &id, ask.after).await
}

async fn unsubscribe(app: &App, connection: &Connection, ask: Unsubscribe) -> Result<(), Error> {
    match ask.target()? {
        Some(id) => app.store.subscription_delete(connection, &id).await,
        None => app.store.inbox_delete(connection).await,
    }
}

/// Answers, and sends what is missing after what the client says it has.
async fn ping(app: &App, connection: &Connection, ask: Ping) -> Result<(), Error> {
    reply(app, &connection.id, &Event::Pong).await;
    for (id, seq) in ask.threads {
        replay::missing(app, connection, &id, seq).await?;
    }
    Ok(())
}

async fn reply(app: &App, connection: &str, event: &Event) {
    if let Ok(frame) = event.frame() {
        app.sockets.post(connection, &frame).await;
    }
}
