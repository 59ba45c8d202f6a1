//! The checks of every request under `/v1` before its route: request log, API key, faults.

use axum::{
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    error::ApiError,
    error_response::ErrorResponse,
    fault::{Failure, MatchedFault, cut_response},
    handle::Standin,
    stamp::new_id,
};

/// The largest body, files included.
const MAX_BODY_BYTES: usize = 64 << 20;

pub(super) async fn admit(State(standin): State<Standin>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/v1/") {
        return next.run(request).await;
    }
    let mut response = forward(&standin, request, next).await.into_response();
    if let Ok(id) = HeaderValue::try_from(new_id("req")) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

async fn forward(standin: &Standin, request: Request, next: Next) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await;
    let body = body.map_err(|error| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
    standin.request_log().write(&head, &body);
    if !has_key(&head) {
        let message = "Missing bearer authentication in the Authorization header.";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, message));
    }
    let fault = standin.faults().take(head.method.as_str(), head.uri.path());
    Ok(match fault {
        None => next.run(Request::from_parts(head, body.into())).await,
        Some(fault) => fail(head, body, next, fault).await,
    })
}

async fn fail(mut head: Parts, body: Bytes, next: Next, fault: MatchedFault) -> Response {
    let creates_response = head.uri.path() == "/v1/responses";
    match &fault.failure {
        Failure::Status(response) => response.clone().into_response(),
        Failure::Stall => {
            if !fault.hold.wait().await {
                return ErrorResponse::status(503).into_response();
            }
            next.run(Request::from_parts(head, body.into())).await
        }
        Failure::Cut { landed, .. } if !creates_response => {
            if *landed {
                next.run(Request::from_parts(head, body.into())).await;
            }
            cut_response()
        }
        _ => {
            head.extensions.insert(fault);
            next.run(Request::from_parts(head, body.into())).await
        }
    }
}

fn has_key(head: &Parts) -> bool {
    let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|key| !key.trim().is_empty())
}
