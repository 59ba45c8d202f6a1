//! `GET /customers/{customer_id}/export`: all that exists of a customer. `DELETE /customers/{customer_id}`: erase a
//! customer. `GET /erasures/{erasure_id}`: the receipt, which names nobody. `GET /audit`: what agents and admins did.
//! `GET /usage`: the tenant's usage by day and chatbot.

#[cfg(feature = "schema")]
pub mod api;
mod audit;
mod erase;
mod export;
mod usage;

use lambda_http::{
    Request, Response,
    http::{HeaderValue, StatusCode, header::LOCATION},
    run_with_streaming_response, service_fn,
};
use shared::{
    App, Error,
    http::{self, StreamingBody},
};

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let app = App::from_env().await?;
    // Streaming, because an export has no bound.
    run_with_streaming_response(service_fn(|request| handle(&app, request))).await
}

pub async fn handle(app: &App, request: Request) -> Result<Response<StreamingBody>, lambda_http::Error> {
    let response = respond(app, &request).await;
    Ok(response.unwrap_or_else(|error| whole(http::respond(Err(error)))))
}

async fn respond(app: &App, request: &Request) -> Result<Response<StreamingBody>, Error> {
    let identity = http::identity(app, request)?;
    let (method, path) = http::route(request);
    match (method.as_str(), path.as_str()) {
        ("GET", "/customers/{customer_id}/export") => export::export(app, &identity, request).await,
        ("DELETE", "/customers/{customer_id}") => {
            let receipt = erase::erase(app, &identity, request).await?;
            let location = HeaderValue::try_from(format!("/erasures/{}", receipt.id)).map_err(Error::internal)?;
            let mut response = http::json(StatusCode::ACCEPTED, &receipt)?;
            response.headers_mut().insert(LOCATION, location);
            Ok(whole(response))
        }
        ("GET", "/audit") => http::json(StatusCode::OK, &audit::audit(app, &identity, request).await?).map(whole),
        ("GET", "/erasures/{erasure_id}") => {
            let receipt = erase::receipt(app, &identity, request).await?;
            http::json(StatusCode::OK, &receipt).map(whole)
        }
        ("GET", "/usage") => http::json(StatusCode::OK, &usage::list(app, &identity, request).await?).map(whole),
        _ => Err(http::no_route()),
    }
}

fn whole(response: Response<lambda_http::Body>) -> Response<StreamingBody> {
    response.map(StreamingBody::Whole)
}
