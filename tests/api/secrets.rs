//! Secrets that a function's environment names by their ARN, against a Secrets Manager that checks signatures.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use authorizer::{Keys, Refusal, Rules};
use aws_calls::{Secret, SecretsManager};
use aws_credential_types::Credentials;
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use shared::openai::{OpenAi, RetryPolicy, Settings};
use tokio::{net::TcpListener, task::JoinSet};

use tests::{
    aws_signature::{ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, authorization},
    runtime_api::{Answer, FunctionProcess},
    sample::event,
};

const ARN: &str = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:OpenAi-AbCdEf";
const OLD: &str = "old-old-old-old-old-old-old-old-old";
const NEW: &str = "new-new-new-new-new-new-new-new-new";

/// A Secrets Manager with one secret. `None` makes it fail.
#[derive(Clone)]
struct Vault {
    secret: Arc<Mutex<Option<String>>>,
    /// The bodies of the requests so far.
    asked: Arc<Mutex<Vec<String>>>,
    url: String,
    _server: Arc<JoinSet<()>>,
}

impl Vault {
    async fn with(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (secret, asked) = (Arc::new(Mutex::new(Some(text.to_owned()))), Arc::default());
        let mut server = JoinSet::new();
        let routes =
            Router::new().route("/", post(get_secret_value)).with_state((Arc::clone(&secret), Arc::clone(&asked)));
        server.spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { secret, asked, url, _server: Arc::new(server) }
    }

    fn rotate(&self, text: Option<&str>) {
        *self.secret.lock().unwrap() = text.map(str::to_owned);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The secret as a function reads it, again when it is older than `max_age`.
    fn secret(&self, max_age: Duration) -> Secret {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, Some(SESSION_TOKEN.into()), None, "test");
        let manager = SecretsManager::new(credentials, Some(self.url.clone()));
        Secret::stored(manager, ARN.to_owned(), max_age)
    }

    /// The environment of a function that finds its secrets here.
    fn environment<'a>(&'a self, of_function: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut environment = vec![
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
        ];
        environment.extend(of_function);
        environment
    }
}

type Shelf = (Arc<Mutex<Option<String>>>, Arc<Mutex<Vec<String>>>);

async fn get_secret_value(
    State((secret, asked)): State<Shelf>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(headers["x-amz-target"], "secretsmanager.GetSecretValue");
    assert!(headers["authorization"].to_str().unwrap().contains(";x-amz-target,"));
    assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(headers["x-amz-security-token"], SESSION_TOKEN);
    if headers["authorization"] != authorization("secretsmanager", &headers, &text) {
        return (StatusCode::FORBIDDEN, Json(json!({ "__type": "InvalidSignatureException" })));
    }
    let known = serde_json::from_str::<Value>(&text).unwrap() == json!({ "SecretId": ARN });
    asked.lock().unwrap().push(text);
    match secret.lock().unwrap().clone() {
        Some(text) if known => (StatusCode::OK, Json(json!({ "ARN": ARN, "SecretString": text }))),
        Some(_) => (StatusCode::BAD_REQUEST, Json(json!({ "__type": "ResourceNotFoundException" }))),
        None => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "__type": "InternalServiceError" }))),
    }
}

#[tokio::test]
async fn a_secret_is_read_once_until_it_is_old() {
    let vault = Vault::with(OLD).await;
    let secret = vault.secret(Duration::from_hours(1));
    assert_eq!(&*secret.current(), "");
    for _ in 0..3 {
        assert_eq!(&*secret.value().await.unwrap(), OLD);
    }
    assert_eq!((&*secret.current(), vault.asked()), (OLD, 1));

    let secret = vault.secret(Duration::ZERO);
    assert_eq!(&*secret.value().await.unwrap(), OLD);
    vault.rotate(Some(NEW));
    assert_eq!(&*secret.value().await.unwrap(), NEW);
}

#[tokio::test]
async fn while_it_cannot_be_read_the_known_one_is_used() {
    let vault = Vault::with(OLD).await;
    let secret = vault.secret(Duration::ZERO);
    assert_eq!(&*secret.value().await.unwrap(), OLD);
    vault.rotate(None);
    assert_eq!(&*secret.value().await.unwrap(), OLD);
    // Tried once, and not again for each request.
    assert_eq!(vault.asked(), 2);
    assert_eq!(&*secret.value().await.unwrap(), OLD);
    assert_eq!(vault.asked(), 2);
}

#[tokio::test]
async fn without_any_value_the_error_names_the_status_and_the_code() {
    let vault = Vault::with(OLD).await;
    vault.rotate(None);
    let error = vault.secret(Duration::ZERO).value().await.unwrap_err();
    assert_eq!(error.to_string(), "Secrets Manager refused with status 500 (InternalServiceError)");
    assert_eq!(vault.asked(), 3, "the caller has nothing else");
    let wrong = Credentials::new(ACCESS_KEY, "ANOTHER", Some(SESSION_TOKEN.into()), None, "test");
    let manager = SecretsManager::new(wrong, Some(vault.url.clone()));
    let error = Secret::stored(manager.clone(), ARN.to_owned(), Duration::ZERO).value().await.unwrap_err();
    assert_eq!(error.to_string(), "Secrets Manager refused with status 403 (InvalidSignatureException)");
    let bucket = Secret::stored(manager, "arn:aws:s3:::bucket".to_owned(), Duration::ZERO);
    assert_eq!(bucket.value().await.unwrap_err().to_string(), "not the ARN of a secret in Secrets Manager");
}

#[tokio::test]
async fn a_rotated_secret_verifies_new_tokens_and_refuses_old_ones() {
    let vault = Vault::with(OLD).await;
    let keys = Keys::secret(vault.secret(Duration::ZERO), Rules::new("switchboard", "switchboard")).unwrap();
    assert!(keys.verify(&token(OLD)).await.is_ok());
    vault.rotate(Some(NEW));
    assert!(keys.verify(&token(NEW)).await.is_ok());
    assert_eq!(keys.verify(&token(OLD)).await.err(), Some(Refusal::WrongSignature));
    vault.rotate(Some("short"));
    assert_eq!(keys.verify(&token("short")).await.err(), Some(Refusal::KeysUnavailable));
}

fn token(secret: &str) -> String {
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64, "sub": "ana", "tenant": "acme",
        "role": "agent",
    });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_rotated_api_key_is_sent_with_the_next_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
    // Lists one model: the key that the request bore.
    let list =
        async |headers: HeaderMap| Json(json!({ "data": [{ "id": headers["authorization"].to_str().unwrap() }] }));
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, Router::new().route("/v1/models", get(list))).await.unwrap() });

    // As a file leaves it.
    let vault = Vault::with("sk-old\n").await;
    let (retry_policy, api_key) = (RetryPolicy::default(), vault.secret(Duration::ZERO));
    let openai = OpenAi::new(retry_policy.http().unwrap(), Settings { base_url, api_key, retry_policy });
    for key in ["sk-old", "sk-new"] {
        vault.rotate(Some(&format!("{key}\n")));
        assert_eq!(openai.models().await.unwrap()[0].id, format!("Bearer {key}"));
    }
}

#[tokio::test]
async fn a_function_starts_without_the_api_key_since_not_all_of_its_work_needs_it() {
    let vault = Vault::with("sk").await;
    vault.rotate(None);
    // Nobody listens on this port any more.
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nowhere = format!("http://{refusing}");
    let environment = vault.environment(&[
        ("TABLE", "switchboard"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &nowhere),
        ("SOCKETS_URL", &nowhere),
        ("OPENAI_BASE_URL", &nowhere),
        ("OPENAI_API_KEY", ARN),
    ]);
    let mut thread = FunctionProcess::start("thread", environment).await;
    let answer = thread.invoke(&serde_json::from_str(&event("thread-list")).unwrap()).await;
    // It has asked the table, which cannot be reached either.
    assert_eq!(answer.unwrap_or_else(|failure| panic!("{failure}")).into_http().status(), 503, "{}", thread.logs());
    assert!(thread.logs().contains("OpenAI's API key could not be read"), "{}", thread.logs());
}

#[tokio::test]
async fn a_function_reads_the_secrets_that_its_environment_names() {
    let vault = Vault::with(OLD).await;
    let environment = vault.environment(&[
        ("JWT_SECRET", ARN),
        ("VISITOR_SECRET", ARN),
        ("JWT_ISSUER", "switchboard"),
        ("JWT_AUDIENCE", "switchboard"),
    ]);
    let ask =
        |secret: &str| serde_json::from_str(&event("authorizer-rest").replace("REPLACE_WITH_A_TOKEN", &token(secret)));
    let mut authorizer = FunctionProcess::start("authorizer", environment.clone()).await;
    let allowed = authorizer.invoke(&ask(OLD).unwrap()).await.map(Answer::into_json).unwrap();
    assert_eq!(allowed["context"]["subject"], "ana", "{}", authorizer.logs());
    assert_eq!(vault.asked(), 2, "both secrets are read while it starts");

    // Whatever starts after the rotation has the new one.
    vault.rotate(Some(NEW));
    let mut authorizer = FunctionProcess::start("authorizer", environment).await;
    assert!(authorizer.invoke(&ask(NEW).unwrap()).await.is_ok(), "{}", authorizer.logs());
    assert!(authorizer.invoke(&ask(OLD).unwrap()).await.is_err());
    assert!(!authorizer.logs().contains(NEW));
}
