//! The measured system: a Switchboard with its data in a file, and the stand-in that it calls, each on a thread of its
//! own.

use std::time::Duration;

use local::{Options, Switchboard, Upstream, standin};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    runtime::{Handle, Runtime},
};

use crate::cpu::{BOARD, CLIENT, STANDIN, lasting, runtime};

pub(crate) struct Board {
    pub(crate) clients: Runtime,
    pub(crate) servers: Handle,
    pub(crate) switchboard: Switchboard,
    pub(crate) standin: standin::Standin,
    pub(crate) standin_url: String,
    pub(crate) http: Client,
    _data_dir: tempfile::TempDir,
}

impl Board {
    pub(crate) fn start(options: Options) -> Self {
        let (clients, servers) = (runtime(CLIENT, 1), lasting(BOARD));
        let serving = lasting(STANDIN).spawn(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
            let standin = standin::Standin::new(standin::Options { keep_requests: 0, ..Default::default() });
            tokio::spawn(standin::serve(listener, standin.clone(), std::future::pending()));
            (url, standin)
        });
        let (standin_url, standin) = clients.block_on(serving).expect("the stand-in serves");
        let data_dir = tempfile::tempdir().expect("a folder");
        let options = Options {
            openai: Upstream::Server { base_url: standin_url.clone(), api_key: "bench".into() },
            data_dir: Some(data_dir.path().to_owned()),
            ..options
        };
        let switchboard = clients.block_on(servers.spawn(local::start(options))).expect("a task ends");
        let switchboard = switchboard.expect("Switchboard starts");
        Self { clients, servers, switchboard, standin, standin_url, http: Client::new(), _data_dir: data_dir }
    }

    pub(crate) fn stop(self) {
        let stopped = self.servers.spawn(self.switchboard.stop());
        self.clients.block_on(stopped).expect("it stops");
    }

    pub(crate) async fn chatbot(&self) -> String {
        let admin = self.switchboard.token("acme", "admin", "root");
        let robin = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief." });
        id(&self.post(&admin, "/chatbots", &robin).await)
    }

    pub(crate) async fn thread(&self, token: &str, chatbot: &str) -> String {
        id(&self.post(token, "/threads", &json!({ "chatbot_id": chatbot })).await)
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.switchboard.url());
        let answer = self.http.post(url).bearer_auth(token).json(body).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }
}

fn id(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

/// Prints a duration and its limit.
pub(crate) fn line(what: &str, took: Duration, limit: Option<Duration>) {
    let micros = took.as_secs_f64() * 1e6;
    let limit = limit.map_or(String::new(), |limit| format!("   (at most {})", limit.as_micros()));
    println!("  {what:<48} {micros:>8.1} µs{limit}");
}

/// The median.
pub(crate) fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}
