//! Stub.

use lambda_http::{Body, Error, Request, Response};
use shared::App;

pub async fn handle(_app: &App, _request: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new(Body::Empty))
}
