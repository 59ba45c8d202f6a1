//! `GET /erasures/{erasure_id}`: the receipt of a customer's erasure. `GET /usage`: the tenant's usage by day and
//! chatbot.

#[cfg(feature = "schema")]
pub mod api;
mod usage;

use lambda_http::{Request, Response, http::StatusCode, run_with_streaming_response, service_fn};
use shared::{
    App, Error,
    domain::{Act, ErasureId, Identity, erasure},
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
        ("GET", "/erasures/{erasure_id}") => {
            let receipt = receipt(app, &identity, request).await?;
            http::json(StatusCode::OK, &receipt).map(whole)
        }
        ("GET", "/usage") => http::json(StatusCode::OK, &usage::list(app, &identity, request).await?).map(whole),
        _ => Err(http::no_route()),
    }
}

fn whole(response: Response<lambda_http::Body>) -> Response<StreamingBody> {
    response.map(StreamingBody::Whole)
}

/// The receipt of an erasure in the caller's tenant.
async fn receipt(app: &App, identity: &Identity, request: &Request) -> Result<erasure::View, Error> {
    identity.may(Act::CustomerErase)?;
    let id: ErasureId = http::path_id(request, "erasure_id", "erasure")?;
    let erasure = app.store.erasure_get(&identity.tenant, &id).await?;
    Ok(erasure.ok_or(Error::NotFound("erasure"))?.view())
}
