//! An SNS topic: a server that checks the signature and the form of what is published, as SNS does.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use aws_calls::Topic;
use aws_credential_types::Credentials;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::Value;
use shared::QueuedTopic;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::aws_signature::{ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, authorization_by};

pub const ARN: &str = "arn:aws:sns:eu-north-1:123456789012:queued";

/// SNS's limit of a message, in bytes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

pub struct TopicServer {
    pub url: String,
    state: Seen,
    serving: JoinHandle<()>,
}

/// The response to a request. Each is used once, in order; after the last, requests succeed.
#[derive(Clone, Copy, Debug)]
pub enum TopicReply {
    Status(u16),
    Never,
}

/// A published message.
#[derive(Clone, Debug)]
pub struct Published {
    pub subject: String,
    /// The message of each protocol.
    pub messages: BTreeMap<String, String>,
    pub attributes: BTreeMap<String, String>,
}

#[derive(Clone)]
struct Seen {
    /// The id and the secret of the key that signs.
    key: (String, String),
    requests: Arc<Mutex<usize>>,
    published: Arc<Mutex<Vec<Result<Published, String>>>>,
    replies: Arc<Mutex<VecDeque<TopicReply>>>,
}

impl TopicServer {
    pub async fn start() -> Self {
        Self::start_with(ACCESS_KEY, SECRET_KEY).await
    }

    /// A topic for whoever signs with this key.
    pub async fn start_with(id: &str, secret: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Seen {
            key: (id.to_owned(), secret.to_owned()),
            requests: Arc::default(),
            published: Arc::default(),
            replies: Arc::default(),
        };
        let router = Router::new().route("/", post(publish)).with_state(state.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, serving }
    }

    /// The topic of a deployment that publishes here.
    pub fn topic(&self) -> QueuedTopic {
        topic_at(&self.url)
    }

    pub fn replies(&self, replies: impl IntoIterator<Item = TopicReply>) {
        self.state.replies.lock().unwrap().extend(replies);
    }

    /// The number of requests so far, those that failed included.
    pub fn requests(&self) -> usize {
        *self.state.requests.lock().unwrap()
    }

    /// All that has been published so far, each with a valid signature and form.
    #[track_caller]
    pub fn published(&self) -> Vec<Published> {
        self.state.published.lock().unwrap().iter().map(|published| published.clone().unwrap()).collect()
    }

    /// The reasons of all that has been published so far, sorted: messages come in no order.
    #[track_caller]
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<_> = self.published().iter().map(|it| it.attributes["reason"].clone()).collect();
        reasons.sort();
        reasons
    }
}

/// The topic of a deployment that publishes at this URL.
pub fn topic_at(url: &str) -> QueuedTopic {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, Some(SESSION_TOKEN.into()), None, "test");
    let topic = Topic::new(credentials, Some(url.to_owned()), ARN).unwrap();
    QueuedTopic { topic, console_url: Some("https://pages.example.com/console".into()) }
}

impl Drop for TopicServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Published {
    /// The event, which all protocols get but those with a message of their own.
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.messages["default"]).unwrap()
    }
}

async fn publish(State(seen): State<Seen>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    *seen.requests.lock().unwrap() += 1;
    let reply = seen.replies.lock().unwrap().pop_front();
    match reply {
        Some(TopicReply::Status(status)) => {
            return (StatusCode::from_u16(status).unwrap(), refusal("AuthorizationError"));
        }
        Some(TopicReply::Never) => std::future::pending().await,
        None => {}
    }
    let published = checked(&seen.key, &headers, &body);
    let response = match &published {
        Ok(_) => (StatusCode::OK, "<PublishResponse><PublishResult/></PublishResponse>".into()),
        Err(_) => (StatusCode::BAD_REQUEST, refusal("InvalidParameter")),
    };
    seen.published.lock().unwrap().push(published);
    response
}

fn refusal(code: &str) -> String {
    format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>")
}

/// Checks a request by SNS's rules for `Publish`.
fn checked((id, secret): &(String, String), headers: &HeaderMap, body: &str) -> Result<Published, String> {
    if headers["authorization"] != authorization_by((id, secret), "sns", headers, body) {
        return Err("the signature is wrong".into());
    }
    if !headers["content-type"].to_str().unwrap().starts_with("application/x-www-form-urlencoded") {
        return Err(format!("{:?} is no form", headers["content-type"]));
    }
    // A query is a form.
    let form = reqwest::Url::parse(&format!("http://localhost/?{body}")).unwrap();
    let mut fields: BTreeMap<String, String> = form.query_pairs().into_owned().collect();
    let mut field = |name: &str| fields.remove(name).ok_or_else(|| format!("{name} is missing"));
    for (name, value) in
        [("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", ARN), ("MessageStructure", "json")]
    {
        let given = field(name)?;
        if given != value {
            return Err(format!("{name} is {given}"));
        }
    }
    let (subject, message) = (field("Subject")?, field("Message")?);
    if subject.len() >= 100 || !subject.starts_with(|first: char| first.is_ascii_graphic()) {
        return Err(format!("the subject is {subject}"));
    }
    if !subject.chars().all(|char| char == ' ' || char.is_ascii_graphic()) {
        return Err(format!("the subject is {subject}"));
    }
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(format!("the message has {} bytes", message.len()));
    }
    let messages: BTreeMap<String, String> = serde_json::from_str(&message).map_err(|error| error.to_string())?;
    let mut attributes = BTreeMap::new();
    for number in 1..=10 {
        let Ok(name) = field(&format!("MessageAttributes.entry.{number}.Name")) else { break };
        let mut value = |of: &str| field(&format!("MessageAttributes.entry.{number}.Value.{of}"));
        if value("DataType")? != "String" {
            return Err(format!("{name} is no string"));
        }
        attributes.insert(name, value("StringValue")?);
    }
    if !fields.is_empty() || !messages.contains_key("default") || attributes.values().any(String::is_empty) {
        return Err(format!("{fields:?} {messages:?} {attributes:?}"));
    }
    Ok(Published { subject, messages, attributes })
}
