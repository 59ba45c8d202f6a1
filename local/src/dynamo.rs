//! The embedded DynamoDB, called through the real SDK client without a socket.
//!
//! The header `x-amz-target` of a request names the operation, and dynoxide carries it out. That costs a half to a
//! quarter of the CPU of the same call over loopback.
//!
//! A call runs on the thread that makes it: dynoxide is busy for 20 to 400 µs and does not wait for the disk (except
//! at a checkpoint of its log). Measured, a `GetItem` takes 61 µs of CPU this way, and 70 µs more on a blocking thread.

mod idempotency;
mod storage_fault;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{HttpClient, retry::RetryConfig},
};
use aws_smithy_runtime_api::client::{
    http::HttpConnectorFuture,
    orchestrator::{HttpRequest, HttpResponse},
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use self::idempotency::IdempotencyTokens;
pub(crate) use self::storage_fault::fault;
use crate::{
    http_server,
    in_process::{self, Service, ServiceResponse, client_config},
};

const TARGET_PREFIX: &str = "DynamoDB_20120810.";
const MEDIA_TYPE: &str = "application/x-amz-json-1.0";

/// The largest request, as on AWS: 16 MB.
pub(crate) const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// The SDK client that the functions get, over `database`.
pub fn client(database: &Database) -> Client {
    client_over(InProcess::new(database))
}

/// The same client over any transport, such as an [`InProcess`] wrapped by a test that makes calls fail.
///
/// A call is tried up to three times, as on AWS, but without the backoff of 50 ms and more.
pub fn client_over(transport: impl HttpClient + 'static) -> Client {
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(5));
    Client::from_conf(client_config!(aws_sdk_dynamodb, retries, transport))
}

/// A database in memory, which is dropped with its last handle.
pub fn memory() -> Result<Database, DynoxideError> {
    Database::memory()
}

/// The database in the file at `path`, created if missing.
///
/// An acknowledged write survives a crash of the process, but not a power cut (`SQLite`'s `synchronous = NORMAL`,
/// which the end of a bulk load sets); waiting for the disk at each write would triple its cost.
pub fn file(path: &Path) -> Result<Database, DynoxideError> {
    let database = Database::new(&path.to_string_lossy())?;
    database.disable_bulk_loading()?;
    Ok(database)
}

/// Creates the table as the template describes it; an existing one is left as it is.
///
/// `properties` are those of the template's `AWS::DynamoDB::Table`; the API uses the same names.
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
pub type InProcess = in_process::InProcess<DynamoDb>;

impl InProcess {
    pub fn new(database: &Database) -> Self {
        Self(DynamoDb { database: database.clone(), tokens: Arc::default() })
    }
}

/// DynamoDB's API, served by the embedded database.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    tokens: Arc<Mutex<IdempotencyTokens>>,
}

impl DynamoDb {
    /// The response to a request by HTTP.
    fn respond(&self, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let (status, body) = self.answer(target, body);
        let mut response = Response::from(ServiceResponse::new(status, body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }

    fn answer(&self, target: &str, body: &[u8]) -> (StatusCode, String) {
        let name = target.strip_prefix(TARGET_PREFIX).unwrap_or(target);
        match self.operation(name, body) {
            Ok(body) => (StatusCode::OK, body),
            Err(error) => storage_fault::response(&error),
        }
    }

    /// Carries out one operation of the API, JSON in and out.
    fn operation(&self, name: &str, body: &[u8]) -> Result<String, DynoxideError> {
        if name != "TransactWriteItems" {
            return operation(&self.database, name, body);
        }
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        call(body, |request| tokens.once(request, body, |request| self.database.transact_write_items(request)))
    }
}

impl Service for DynamoDb {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let (status, body) = self.answer(target, request.body().bytes().unwrap_or_default());
        let mut response = HttpResponse::from(ServiceResponse::new(status, body));
        response.headers_mut().insert("content-type", MEDIA_TYPE);
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// Serves the API on a port until `stopped` turns true, to requests that `admit` reads; another response refuses one.
pub(crate) async fn serve<Admitted>(
    listener: std::net::TcpListener,
    database: Database,
    admit: impl Fn(Request) -> Admitted + Clone + Send + 'static,
    stopped: watch::Receiver<bool>,
) -> io::Result<()>
where
    Admitted: Future<Output = Result<(Parts, Bytes), Response<Body>>> + Send + 'static,
{
    let listener = TcpListener::from_std(listener)?;
    let database = DynamoDb { database, tokens: Arc::default() };
    let answer = move |request: Request| {
        let (database, admitted) = (database.clone(), admit(request));
        async move {
            match admitted.await {
                Ok((parts, body)) => database.respond(&parts.headers, &body),
                Err(refused) => refused,
            }
        }
    };
    http_server::serve(listener, answer, stopped).await;
    Ok(())
}

/// Carries out one operation of the API, JSON in and out.
fn operation(database: &Database, name: &str, body: &[u8]) -> Result<String, DynoxideError> {
    match name {
        "GetItem" => call(body, |request| database.get_item(request)),
        "PutItem" => call(body, |request| database.put_item(request)),
        "UpdateItem" => call(body, |request| database.update_item(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        "Query" => call(body, |request| database.query(request)),
        "Scan" => call(body, |request| database.scan(request)),
        "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
        "TransactGetItems" => call(body, |request| database.transact_get_items(request)),
        "CreateTable" => call(body, |request| database.create_table(request)),
        "ListTables" => call(body, |request| database.list_tables(request)),
        "DescribeTable" => call(body, |request| database.describe_table(request)),
        "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => call(body, |request| database.describe_time_to_live(request)),
        other => {
            Err(DynoxideError::ValidationException(format!("the operation {other:?} is not supported in process")))
        }
    }
}

fn call<Request, Response>(
    body: &[u8],
    operation: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<String, DynoxideError>
where
    Request: DeserializeOwned,
    Response: Serialize,
{
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
    serde_json::to_string(&operation(request)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
