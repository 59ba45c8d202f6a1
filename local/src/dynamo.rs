//! The embedded DynamoDB, reached through the real SDK client without a socket.
//!
//! [`InProcess`] takes the place of the SDK's HTTP transport: the request that would have gone to AWS is read by its
//! `x-amz-target` and answered by dynoxide on the spot. Nothing above the transport knows the difference, so the
//! laptop and the cloud share one storage path. It costs a half to a quarter of the CPU of the same call over loopback.
//!
//! A call runs on the thread that makes it: dynoxide is busy for 20 to 400 µs and waits for no disk (but at a checkpoint of
//! its log). Measured, a `GetItem` takes 61 µs of CPU so, and 70 µs more by way of a blocking thread.

mod landed;
pub(crate) mod unwatched;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, HttpClient, IdentityCache, Region, RuntimeComponents, StalledStreamProtectionConfig,
    retry::RetryConfig,
};
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use landed::Landed;

/// The region that local clients name; no call leaves the process for it.
pub const REGION: &str = "eu-central-1";

/// The SDK's name for a call that bears no signature.
pub(crate) const UNSIGNED: AuthSchemeId = AuthSchemeId::new("noAuth");

const TARGET: &str = "DynamoDB_20120810.";

/// The client that the functions get: the SDK's own, over `database`.
pub fn client(database: &Database) -> Client {
    client_over(InProcess::new(database))
}

/// The same client over any transport, such as an [`InProcess`] wrapped by a test that makes the wire fail.
///
/// A call is tried up to three times, as on AWS, but without its pauses of 50 ms and more.
pub fn client_over(transport: impl HttpClient + 'static) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        // Nobody looks at a signature within a process, and each one costs some 20 µs.
        .allow_no_auth()
        .auth_scheme_preference([UNSIGNED])
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::standard().with_initial_backoff(std::time::Duration::from_millis(5)))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .endpoint_resolver(unwatched::Here)
        .interceptor(unwatched::Unwatched)
        .http_client(transport)
        .build();
    Client::from_conf(config)
}

/// A database in memory, gone with its last handle.
pub fn memory() -> Result<Database, DynoxideError> {
    Database::memory()
}

/// The database in the file at `path`, made if missing.
///
/// An acknowledged write survives the death of the process, not a power cut (`SQLite`'s `synchronous = NORMAL`, which
/// is what the end of a bulk load sets); waiting for the disk at each write would triple its cost.
pub fn file(path: &Path) -> Result<Database, DynoxideError> {
    let database = Database::new(&path.to_string_lossy())?;
    database.disable_bulk_loading()?;
    Ok(database)
}

/// Creates the table as the template describes it; one that exists is left as it is.
///
/// `properties` are those of the template's `AWS::DynamoDB::Table`, whose names are the API's own.
pub fn create_table(database: &Database, name: &str, properties: &Value) -> Result<(), DynoxideError> {
    let request = json!({
        "TableName": name,
        "AttributeDefinitions": properties["AttributeDefinitions"],
        "KeySchema": properties["KeySchema"],
        "GlobalSecondaryIndexes": properties["GlobalSecondaryIndexes"],
        "BillingMode": "PAY_PER_REQUEST",
    });
    match operation(database, "CreateTable", request.to_string().as_bytes()) {
        Ok(_) => {}
        Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    if properties["TimeToLiveSpecification"].is_object() {
        let request = json!({"TableName": name, "TimeToLiveSpecification": properties["TimeToLiveSpecification"]});
        operation(database, "UpdateTimeToLive", request.to_string().as_bytes())?;
    }
    Ok(())
}

/// The SDK's transport, answered by the database in this process.
#[derive(Clone)]
pub struct InProcess {
    database: Database,
    landed: Arc<Mutex<Landed>>,
}

impl InProcess {
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone(), landed: Arc::default() }
    }

    /// One operation of the API, JSON in and out.
    fn operation(&self, name: &str, body: &[u8]) -> Result<String, DynoxideError> {
        if name != "TransactWriteItems" {
            return operation(&self.database, name, body);
        }
        let mut landed = self.landed.lock().unwrap_or_else(PoisonError::into_inner);
        answer(body, |request| landed.once(request, body, |request| self.database.transact_write_items(request)))
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let name = target.strip_prefix(TARGET).unwrap_or(target);
        let (status, answer) = match self.operation(name, request.body().bytes().unwrap_or_default()) {
            Ok(answer) => (200, answer),
            Err(error) => (error.status_code(), error.to_json()),
        };
        HttpConnectorFuture::ready(Ok(response(status, answer)))
    }
}

fn response(status: u16, body: String) -> HttpResponse {
    let status = StatusCode::try_from(status).unwrap_or_else(|_| StatusCode::from(http::StatusCode::BAD_REQUEST));
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

/// One operation of the API, JSON in and out.
fn operation(database: &Database, name: &str, body: &[u8]) -> Result<String, DynoxideError> {
    match name {
        "GetItem" => answer(body, |request| database.get_item(request)),
        "PutItem" => answer(body, |request| database.put_item(request)),
        "UpdateItem" => answer(body, |request| database.update_item(request)),
        "DeleteItem" => answer(body, |request| database.delete_item(request)),
        "Query" => answer(body, |request| database.query(request)),
        "Scan" => answer(body, |request| database.scan(request)),
        "BatchGetItem" => answer(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => answer(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => answer(body, |request| database.transact_get_items(request)),
        "CreateTable" => answer(body, |request| database.create_table(request)),
        "DescribeTable" => answer(body, |request| database.describe_table(request)),
        "UpdateTimeToLive" => answer(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => answer(body, |request| database.describe_time_to_live(request)),
        other => Err(DynoxideError::ValidationException(format!(
            "the embedded database is not asked for {other:?} in process"
        ))),
    }
}

fn answer<Request, Response>(
    body: &[u8],
    call: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<String, DynoxideError>
where
    Request: DeserializeOwned,
    Response: Serialize,
{
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
    serde_json::to_string(&call(request)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
