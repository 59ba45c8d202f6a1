//! The buffered form of a response whose body may be a stream: the form in which most functions respond.

use lambda_http::{Body, Error, Response};
use shared::http::StreamingBody;

pub async fn whole(answered: Result<Response<StreamingBody>, Error>) -> Result<Response<Body>, Error> {
    let (parts, body) = answered?.into_parts();
    let read = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX).await?;
    let text = String::from_utf8(read.to_vec())?;
    Ok(Response::from_parts(parts, if text.is_empty() { Body::Empty } else { Body::Text(text) }))
}
