//! What every request under `/v1` passes first: the log, the key, the faults.

use std::io;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::stream;

use super::{Failure, Hold, Standin, fault::Answer, locked, new_id, refused::Refused};

/// The largest body taken, files included.
const LARGEST_BYTES: usize = 64 << 20;

/// What was taken for this request; the response's script obeys it.
#[derive(Clone)]
pub(super) struct Taken(pub(super) Failure, pub(super) Hold);

pub(super) async fn front(State(standin): State<Standin>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/v1/") {
        return next.run(request).await;
    }
    let mut answer = admit(&standin, request, next).await.into_response();
    if let Ok(id) = HeaderValue::try_from(new_id("req")) {
        answer.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    answer
}

async fn admit(standin: &Standin, request: Request, next: Next) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BYTES).await;
    let body = body.map_err(|error| Refused::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
    locked(&standin.0.requests).write(&head, &body);
    if !has_key(&head) {
        let message = "Missing bearer authentication in the Authorization header.";
        return Err(Refused::new(StatusCode::UNAUTHORIZED, message));
    }
    let taken = locked(&standin.0.faults).take(head.method.as_str(), head.uri.path());
    Ok(match taken {
        None => next.run(Request::from_parts(head, body.into())).await,
        Some((failure, hold)) => fail(head, body, next, Taken(failure, hold)).await,
    })
}

async fn fail(mut head: Parts, body: Bytes, next: Next, taken: Taken) -> Response {
    let responds = head.uri.path() == "/v1/responses";
    match &taken.0 {
        Failure::Status(answer) => answer.clone().into_response(),
        Failure::Stall => {
            if !taken.1.pass().await {
                return Answer::status(503).into_response();
            }
            next.run(Request::from_parts(head, body.into())).await
        }
        Failure::Cut { landed, .. } if !responds => {
            if *landed {
                next.run(Request::from_parts(head, body.into())).await;
            }
            broken()
        }
        _ => {
            head.extensions.insert(taken);
            next.run(Request::from_parts(head, body.into())).await
        }
    }
}

fn has_key(head: &Parts) -> bool {
    let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|key| !key.trim().is_empty())
}

/// An answer whose connection breaks before its body.
pub(super) fn broken() -> Response {
    let cut = io::Error::other("cut, as the stand-in was told");
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(cut)])))
}
