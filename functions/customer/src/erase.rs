//! Erasing a customer, and reading the receipt.

use std::time::Duration;

use lambda_http::Request;
use shared::{
    App, Error, SETTLES_AFTER,
    domain::{
        Act, Erasure, ErasureId, Identity,
        audit::{AuditEntry, AuditedAct},
        erasure::View,
    },
    http,
};
use tokio::time::Instant;

/// The time for which a request erases before it responds; the sweep does the rest.
const ERASES_FOR: Duration = Duration::from_secs(10);

/// Begins an erasure, or joins the one that is under way, and returns its receipt.
pub(crate) async fn erase(app: &App, identity: &Identity, request: &Request) -> Result<View, Error> {
    identity.may(Act::CustomerErase)?;
    let customer = http::path_subject(request, "customer_id")?;
    let (tenant, now) = (&identity.tenant, app.now());
    let erasure = Erasure::new(ErasureId::new(app.ulid()), now);
    let audit = app.audit_entry(identity, AuditedAct::CustomerErased);
    let audit = audit.map(|entry| AuditEntry { erasure_id: Some(erasure.id.clone()), ..entry });
    let begun = app.store.erasure_begin(tenant, &customer, erasure, now + SETTLES_AFTER, audit.as_ref()).await?;
    if let Err(error) = app.erase(tenant, &customer, Instant::now() + ERASES_FOR).await {
        tracing::warn!(erasure.id = %begun.id, %error, "an erasure was interrupted; the sweep will go on");
    }
    find(app, tenant, &begun.id).await
}

/// The receipt of an erasure in the caller's tenant.
pub(crate) async fn receipt(app: &App, identity: &Identity, request: &Request) -> Result<View, Error> {
    identity.may(Act::CustomerErase)?;
    find(app, &identity.tenant, &http::path_id(request, "erasure_id", "erasure")?).await
}

async fn find(app: &App, tenant: &str, id: &ErasureId) -> Result<View, Error> {
    Ok(app.store.erasure_get(tenant, id).await?.ok_or(Error::NotFound("erasure"))?.view())
}
