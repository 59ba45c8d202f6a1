//! Behind the API: an OpenAI that fails, a clock that can be turned, the table as it is.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use local::{
    Options, TABLE, Transport,
    dynamo::{self, InProcess},
    standin::{Failure, Fault, Hold},
};
use serde_json::Value;
use shared::{
    Clock,
    domain::{At, Thread, ThreadId},
    openai::RetryPolicy,
    store::key,
};

use crate::personas::World;

pub const RESPONSES: &str = "/v1/responses";

/// Waits a millisecond where production waits half a second, and for answers as long as it takes.
pub fn brisk() -> Options {
    let retry_policy = RetryPolicy {
        attempts: 3,
        locked_attempts: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(500),
        ..RetryPolicy::default()
    };
    Options { retry_policy, ..Options::default() }
}

impl World {
    /// What becomes of the next response.
    pub fn next_response(&self, failure: impl Into<Failure>) {
        self.responses(failure, 1);
    }

    /// What becomes of the next `times` responses.
    pub fn responses(&self, failure: impl Into<Failure>, times: u32) {
        self.standin().fault(Fault::on("POST", RESPONSES, failure).times(times));
    }

    /// Lets the next response wait before its first word.
    pub fn hold(&self) -> Hold {
        self.standin().hold("POST", RESPONSES, 0)
    }

    /// Lets the next response wait after so many of its words.
    pub fn hold_after(&self, words: usize) -> Hold {
        self.standin().hold("POST", RESPONSES, words)
    }

    /// What was asked of the model so far, refused requests included.
    pub fn asked(&self) -> Vec<Value> {
        let asked = |request: &local::standin::Recorded| request.method == "POST" && request.path == RESPONSES;
        self.standin().requests().into_iter().filter(asked).map(|request| request.body).collect()
    }

    /// The input of each request to the model, as lines of `role: text`, or the type of what is no message.
    pub fn inputs(&self) -> Vec<Vec<String>> {
        let line = |item: &Value| match item["role"].as_str() {
            Some(role) => format!("{role}: {}", item["content"].as_str().unwrap()),
            None => format!("[{}]", item["type"].as_str().unwrap()),
        };
        self.asked().iter().map(|body| body["input"].as_array().unwrap().iter().map(line).collect()).collect()
    }

    /// Asks the stand-in something that Switchboard does not.
    pub async fn openai(&self, method: reqwest::Method, path: &str, body: Value) {
        let url = format!("{}{path}", self.board.running().openai_url);
        let request = reqwest::Client::new().request(method, url).bearer_auth("standin").json(&body);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    /// A sweep, and all that it has `chat` do.
    pub async fn sweeps(&self) {
        assert!(self.board.sweep().await, "what is due could not all be looked at");
        self.board.invocations().finished().await;
    }

    /// Gives the line back to the bot, which does not hear of it: the event that asks it for an answer gets lost.
    pub async fn releases_unheard(&self, thread: &str) {
        self.board.invocations().lose(true);
        self.admin().releases(thread, "bot").await.expect(200);
        self.board.invocations().lose(false);
    }

    /// A thread of `acme` as the table has it.
    pub async fn stored(&self, thread: &str) -> Thread {
        self.board.app().store.thread_get_bare("acme", &id(thread)).await.unwrap().unwrap()
    }
}

pub fn id(thread: &str) -> ThreadId {
    thread.parse().unwrap()
}

/// The functions' clock, ahead of the machine's by as much as it was turned.
#[derive(Clone, Default)]
pub struct Turned(Arc<AtomicU64>);

impl Turned {
    pub fn by(&self, ahead: Duration) {
        self.0.fetch_add(ahead.as_secs(), SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let ahead = Arc::clone(&self.0);
        Clock::new(move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            At::from_millis(0) + now + Duration::from_secs(ahead.load(SeqCst))
        })
    }
}

/// The table, looked at directly.
pub struct Table(Client);

impl Table {
    /// A world, and its table.
    pub async fn of(mut options: Options) -> (World, Self) {
        let table = Arc::new(OnceLock::new());
        let seen = Arc::clone(&table);
        options.dynamo = Transport::new(move |inner: InProcess| {
            seen.get_or_init(|| dynamo::client_over(inner.clone()));
            inner
        });
        let world = World::with(options).await;
        (world, Self(table.get().unwrap().clone()))
    }

    /// The conversations that are to be removed at OpenAI, of a thread of `acme`.
    pub async fn removals(&self, thread: &str) -> Vec<String> {
        self.sort_keys(thread, key::CLEANUP).await
    }

    /// The notices that are still to be told of a thread of `acme`: their ids.
    pub async fn notices(&self, thread: &str) -> Vec<String> {
        self.sort_keys(thread, key::DELIVERY).await
    }

    /// The sockets that listen to a thread of `acme`.
    pub async fn subscriptions(&self, thread: &str) -> Vec<String> {
        self.sort_keys(thread, key::SUBSCRIPTION).await
    }

    /// Returns once nobody listens to a thread of `acme` any more.
    pub async fn until_nobody_listens(&self, thread: &str) {
        let left = async {
            while !self.subscriptions(thread).await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), left).await.expect("somebody still listens");
    }

    /// What follows `prefix` in a thread's partition.
    async fn sort_keys(&self, thread: &str, prefix: &str) -> Vec<String> {
        let found = self
            .0
            .query()
            .table_name(TABLE)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(key::thread_partition("acme", &id(thread))))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.into()));
        let found = found.send().await.unwrap();
        let rest = |sk: &AttributeValue| sk.as_s().unwrap()[prefix.len()..].to_owned();
        found.items().iter().map(|item| rest(&item["sk"])).collect()
    }
}
