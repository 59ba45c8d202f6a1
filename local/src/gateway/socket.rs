//! The WebSocket API: `$connect` accepts a socket, each message calls its route's function, `$disconnect` ends it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use axum::{
    body::Body,
    extract::{
        FromRequestParts, Request,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    http::{Response, header::SEC_WEBSOCKET_PROTOCOL},
    response::IntoResponse,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::SinkExt;
use lambda_http::request::LambdaRequest;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc::Receiver, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use super::{
    Gateway,
    authorize::Decision,
    connections::{Close, ConnectionInfo, Connections, MAX_MESSAGE_BYTES, SocketReceiver},
    event::{self, Arrival},
    functions,
    refusal::Refusal,
    socket_event::Socket,
};
use crate::template::INTEGRATION_TIMEOUT;

/// The largest frame; a larger message must come in several frames.
const MAX_FRAME_BYTES: usize = 32 * 1024;

/// The read buffer of a socket. Most sockets are idle and their messages short: the library's default of 128 KB would
/// be most of the memory of an open socket.
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// The messages of one socket that may be in flight. AWS throttles an account's; on a laptop, one socket would slow
/// down all others.
const MAX_MESSAGES_IN_FLIGHT: usize = 64;

/// The event for a client that sends more.
const FLOODED: &str = r#"{"type":"error","code":"busy","detail":"too many frames at once; some were dropped"}"#;

const PROTOCOL_ERROR: Close = Close { code: 1002, reason: "Protocol error" };
const INVALID_TEXT: Close = Close { code: 1007, reason: "Text is not UTF-8" };
const MESSAGE_TOO_LONG: Close = Close { code: 1009, reason: "Message Too Long" };
const IDLE_TIMEOUT: Close = Close { code: 1001, reason: "Idle timeout" };
const DURATION_LIMIT: Close = Close { code: 1001, reason: "Connection duration limit" };
const CLIENT_CLOSED: Close = Close { code: 1000, reason: "Client-side close frame" };
const CONNECTION_LOST: Close = Close { code: 1006, reason: "" };

/// Answers the upgrade request of a socket: 101 only after the authorizer and `$connect` have accepted it.
pub(super) async fn open(gateway: Arc<Gateway>, request: Request, source: SocketAddr) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade
            .max_frame_size(MAX_FRAME_BYTES)
            .max_message_size(MAX_MESSAGE_BYTES)
            .read_buffer_size(READ_BUFFER_BYTES),
        Err(rejection) => return rejection.into_response(),
    };
    let stage = &gateway.template.sockets.stage;
    let mut socket = Socket::new(Connections::new_id(), &parts, stage, Arrival::now(source));
    let response = match connect(&gateway, &mut socket).await {
        Ok(response) => response,
        Err(refusal) => return gateway.refusals.response(refusal),
    };
    if !response.status().is_success() {
        return response;
    }
    let mut upgrade = upgrade;
    if let Some(protocol) = response.headers().get(SEC_WEBSOCKET_PROTOCOL) {
        upgrade.set_selected_protocol(protocol.clone());
    }
    // Before the client gets the 101: a post that follows it must find the connection.
    let receiver = gateway.connections.insert(&socket.id, info(&socket));
    socket.forget_handshake();
    let socket = Arc::new(socket);
    let caller = gateway.functions.caller();
    let for_failed_upgrade = (Arc::clone(&gateway), Arc::clone(&socket));
    upgrade
        .on_failed_upgrade(move |_| {
            let (gateway, socket) = for_failed_upgrade;
            tokio::spawn(async move { disconnect(&gateway, &socket, CONNECTION_LOST).await });
        })
        .on_upgrade(async move |mut stream| {
            let close = relay(&gateway, &socket, &mut stream, receiver).await;
            // From here on posts are refused.
            gateway.connections.close(&socket.id, close);
            // Boxed, because only a socket that ends needs the memory.
            let disconnected = Box::pin(disconnect(&gateway, &socket, close));
            tokio::join!(close_handshake(stream, close, gateway.limits().slow_client_timeout), disconnected);
            drop(caller);
        })
}

async fn connect(gateway: &Gateway, socket: &mut Socket) -> Result<Response<Body>, Refusal> {
    let resource = event::resource(socket.stage(), "$connect");
    let response = gateway.functions.decide(socket.authorizer(&resource)).await?;
    socket.granted = Decision::new(response)?.grant(&resource)?;
    call(gateway, "$connect", &socket.connected.id, socket.connect()).await
}

/// Calls the function of `$disconnect`, at best effort, as on AWS.
async fn disconnect(gateway: &Gateway, socket: &Socket, close: Close) {
    gateway.connections.close(&socket.id, close);
    let arrival = Arrival::now(socket.connected.source);
    let event = socket.disconnect(&arrival, close.code, close.reason);
    if let Err(refusal) = call(gateway, "$disconnect", &arrival.id, event).await {
        tracing::warn!(connection.id = socket.id, ?refusal, "the function of $disconnect failed");
    }
}

/// Relays messages both ways until the client, a limit or the gateway ends the connection.
async fn relay(
    gateway: &Arc<Gateway>,
    socket: &Arc<Socket>,
    stream: &mut WebSocket,
    mut receiver: SocketReceiver,
) -> Close {
    let limits = gateway.limits();
    let duration_limit = Instant::now() + limits.max_duration;
    let mut idle = Instant::now() + limits.idle_timeout;
    let mut in_flight = InFlight::default();
    loop {
        tokio::select! {
            // In this order, so that messages posted before the socket was closed are sent before it closes.
            biased;
            Some(message) = receiver.queue.recv() => {
                idle = Instant::now() + limits.idle_timeout;
                tokio::select! {
                    biased;
                    sent = send(stream, message, &mut receiver.queue) => if sent.is_err() { return CONNECTION_LOST },
                    close = closing(&mut receiver.closing) => return close,
                }
            },
            close = closing(&mut receiver.closing) => return close,
            () = sleep_until(idle) => return IDLE_TIMEOUT,
            () = sleep_until(duration_limit) => return DURATION_LIMIT,
            message = stream.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    idle = Instant::now() + limits.idle_timeout;
                    dispatch(gateway, socket, &mut in_flight, text.as_str().to_owned(), false);
                }
                Some(Ok(Message::Binary(bytes))) => {
                    idle = Instant::now() + limits.idle_timeout;
                    dispatch(gateway, socket, &mut in_flight, STANDARD.encode(bytes), true);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) => return CLIENT_CLOSED,
                Some(Err(error)) => return close_of(error),
                None => return CONNECTION_LOST,
            },
        }
    }
}

/// Sends all queued messages with one flush.
async fn send(stream: &mut WebSocket, first: Bytes, queue: &mut Receiver<Bytes>) -> Result<(), axum::Error> {
    stream.feed(frame(first)).await?;
    while let Ok(next) = queue.try_recv() {
        stream.feed(frame(next)).await?;
    }
    stream.flush().await
}

fn frame(message: Bytes) -> Message {
    Utf8Bytes::try_from(message.clone()).map_or(Message::Binary(message), Message::Text)
}

async fn closing(closing: &mut watch::Receiver<Option<Close>>) -> Close {
    closing.wait_for(Option::is_some).await.ok().and_then(|close| *close).unwrap_or(CONNECTION_LOST)
}

/// The close for an error of reading: what was wrong with the frame, if it was a frame.
fn close_of(error: axum::Error) -> Close {
    match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => MESSAGE_TOO_LONG,
        Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => CONNECTION_LOST,
        Some(tungstenite::Error::Protocol(_)) => PROTOCOL_ERROR,
        Some(tungstenite::Error::Utf8(_)) => INVALID_TEXT,
        _ => CONNECTION_LOST,
    }
}

/// The closing handshake, given up after `wait` if the client does not take part in it.
async fn close_handshake(mut stream: WebSocket, close: Close, wait: Duration) {
    let frame = CloseFrame { code: close.code, reason: Utf8Bytes::from_static(close.reason) };
    let handshake = async {
        // Refused if the peer closed first: then only the reply to its close frame is left to write.
        if stream.send(Message::Close(Some(frame))).await.is_err() {
            let _ = stream.flush().await;
        }
        while let Some(Ok(_)) = stream.recv().await {}
    };
    let _ = timeout(wait, handshake).await;
    if [PROTOCOL_ERROR, INVALID_TEXT, MESSAGE_TOO_LONG].iter().any(|broken| broken.code == close.code) {
        // The rest of the peer's message cannot be read any more, and dropping it unread would reset the connection
        // before the peer has read the close frame.
        sleep(wait).await;
    }
}

/// The messages of one socket whose functions have not ended.
#[derive(Default)]
struct InFlight {
    count: Arc<()>,
    /// True once a message was dropped, until none is in flight.
    is_flooded: bool,
}

impl InFlight {
    /// The place of another message, as long as it is kept; `None` where there are too many.
    fn place(&mut self) -> Option<Arc<()>> {
        let count = Arc::strong_count(&self.count) - 1;
        self.is_flooded &= count > 0;
        (count < MAX_MESSAGES_IN_FLIGHT).then(|| Arc::clone(&self.count))
    }
}

/// Calls the function of a message's route, as a separate task: AWS does not keep the order of messages either. What
/// exceeds [`MAX_MESSAGES_IN_FLIGHT`] is dropped, and its client told so once.
fn dispatch(gateway: &Arc<Gateway>, socket: &Arc<Socket>, in_flight: &mut InFlight, body: String, base64: bool) {
    let (gateway, socket) = (Arc::clone(gateway), Arc::clone(socket));
    let Some(place) = in_flight.place() else {
        if !in_flight.is_flooded {
            in_flight.is_flooded = true;
            tokio::spawn(async move { gateway.connections.post(&socket.id, FLOODED.into()).await });
        }
        return;
    };
    tokio::spawn(async move {
        pass_on(&gateway, &socket, body, base64).await;
        drop(place);
    });
}

/// Calls the function of a message's route. The client is told of a failure.
async fn pass_on(gateway: &Gateway, socket: &Socket, body: String, base64: bool) {
    let arrival = Arrival::now(socket.connected.source);
    let error = match route(gateway, &body) {
        Some(route) => {
            let event = socket.message(route, &arrival, body, base64);
            match call(gateway, route, &arrival.id, event).await {
                // There is no route response: the function posts its messages.
                Ok(_) => return,
                Err(Refusal::TimedOut) => "Endpoint request timed out",
                Err(_) => "Internal server error",
            }
        }
        None => "Forbidden",
    };
    let frame = json!({"message": error, "connectionId": socket.id, "requestId": arrival.id});
    let _ = gateway.connections.post(&socket.id, frame.to_string().into()).await;
}

/// The route that the body names, else `$default`, if there is one. Clients cannot name the `$` routes.
fn route<'a>(gateway: &'a Gateway, body: &str) -> Option<&'a str> {
    let sockets = &gateway.template.sockets;
    let named = serde_json::from_str::<Value>(body).ok().and_then(|body| {
        let key = body.get(&sockets.selector)?.as_str()?;
        sockets.routes.get_key_value(key).filter(|_| !key.starts_with('$'))
    });
    named.or_else(|| sockets.routes.get_key_value("$default")).map(|(key, _)| key.as_str())
}

async fn call(
    gateway: &Gateway,
    route: &str,
    request_id: &str,
    event: ApiGatewayWebsocketProxyRequest,
) -> Result<Response<Body>, Refusal> {
    let function = gateway.template.sockets.routes.get(route).ok_or(Refusal::NoRoute)?;
    let context = functions::context(request_id, gateway.functions.time_limit(function));
    let wait = INTEGRATION_TIMEOUT.min(gateway.limits().integration_timeout);
    gateway.functions.call(function, LambdaRequest::WebSocket(event), context, wait).await?.into_socket()
}

fn info(socket: &Socket) -> ConnectionInfo {
    ConnectionInfo {
        connected_at: socket.connected.at,
        last_active_at: socket.connected.at,
        source_ip: socket.connected.source.ip().to_string(),
        user_agent: socket.user_agent().unwrap_or_default().to_owned(),
    }
}
