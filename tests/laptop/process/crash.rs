//! Crashes: kill -9 under load.

use std::collections::HashMap;

use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::sync::mpsc;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{Laptop, TIMEOUT, printed, switchboard};
use tests::web_socket::Socket;

/// Number of times that the process is killed.
const LIVES: usize = 20;
const THREADS: usize = 2;
const CLIENTS: usize = 3;

/// Number of messages of a thread that are acknowledged before the process is killed.
const ACKNOWLEDGED: usize = 8;

/// Posts to a thread until no response comes any more; reports each acknowledged message.
async fn posts(request: reqwest::RequestBuilder, client: String, acknowledged: mpsc::UnboundedSender<String>) {
    for number in 0.. {
        let client_id = format!("{client}-{number}");
        let body = json!({ "text": "Are you there?", "client_id": client_id });
        let Ok(answer) = request.try_clone().unwrap().json(&body).send().await else { return };
        let status = answer.status();
        // A status alone is no acknowledgement: the process may die before the body.
        let Ok(text) = answer.text().await else { return };
        match status.as_u16() {
            200 | 202 => acknowledged.send(client_id).unwrap(),
            // Lost too many conflicts over the thread: nothing was promised.
            409 | 503 => {}
            _ => panic!("{status}: {text}"),
        }
    }
}

/// Starts the process with a sweep each second: messages that a run left unanswered are due once its lease has expired.
async fn start(folder: &std::path::Path) -> Laptop {
    // One customer's load, which a budget would bound.
    let mut command = switchboard(folder);
    command.env("CUSTOMER_BUDGET", "off").args(["--port", "0", "--sweep-every", "1"]);
    Laptop::ready(&mut command).await
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_under_load_exactly_once_and_is_answered() {
    let folder = tempdir().unwrap();
    let mut laptop = start(folder.path()).await;
    let customer = laptop.variable("CUSTOMER").to_owned();
    let mut threads = Vec::new();
    for _ in 0..THREADS {
        threads.push(laptop.thread().await);
    }
    let mut acknowledged: HashMap<&str, Vec<String>> = HashMap::new();

    for life in 0..LIVES {
        let mut clients = Vec::new();
        let mut told = Vec::new();
        for thread in &threads {
            let (tell, hear) = mpsc::unbounded_channel();
            told.push((thread.as_str(), hear));
            for client in 0..CLIENTS {
                let url = format!("{}/threads/{thread}/chat", laptop.url);
                let request = reqwest::Client::new().post(url).bearer_auth(&customer);
                clients.push(tokio::spawn(posts(request, format!("{life}-{client}"), tell.clone())));
            }
        }
        for (thread, hear) in &mut told {
            for _ in 0..ACKNOWLEDGED {
                acknowledged.entry(thread).or_default().push(hear.recv().await.unwrap());
            }
        }
        laptop.ended_by("KILL").await;
        for client in clients {
            client.await.unwrap();
        }
        for (thread, hear) in &mut told {
            while let Ok(client_id) = hear.try_recv() {
                acknowledged.entry(thread).or_default().push(client_id);
            }
        }
        laptop = start(folder.path()).await;
    }

    for thread in &threads {
        until_answered(&laptop, thread, &customer).await;
        let mut times: HashMap<String, usize> = HashMap::new();
        for message in laptop.log(thread, &customer).await {
            if let Some(client_id) = message["client_id"].as_str() {
                *times.entry(client_id.to_owned()).or_default() += 1;
            }
        }
        assert!(acknowledged[thread.as_str()].len() >= LIVES * ACKNOWLEDGED);
        for client_id in &acknowledged[thread.as_str()] {
            assert_eq!(times.get(client_id), Some(&1), "{client_id} was acknowledged");
        }
    }
    // No gap, no duplicate, no second answer, nobody waiting: while it runs, and by its file alone.
    let sound = printed(switchboard(folder.path()).arg("verify")).await;
    assert!(sound.ends_with("every invariant holds."), "{sound}");
    assert!(sound.starts_with(&format!("{THREADS} threads, ")), "{sound}");
    laptop.ended_by("KILL").await;
    assert_eq!(printed(switchboard(folder.path()).arg("verify")).await, sound);
}

/// Returns once the customer's last message is answered or the thread is with a person: a lease and a sweep later at
/// most.
async fn until_answered(laptop: &Laptop, thread: &str, customer: &str) {
    let url = laptop.url.replacen("http", "ws", 1) + "/ws";
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {customer}").parse().unwrap());
    let mut socket = Socket(connect_async(request).await.unwrap().0);
    let log = laptop.log(thread, customer).await;
    let asked = log.iter().rposition(|message| message["role"] == "customer").unwrap() + 1;
    socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": asked })).await;
    let answered = async {
        loop {
            // Not with the persona's timeout, which is shorter than a lease.
            let Message::Text(event) = socket.0.next().await.unwrap().unwrap() else { continue };
            let event: Value = serde_json::from_str(&event).unwrap();
            let through = event["message"]["answers"]["through"].as_u64();
            if through >= Some(asked as u64) || event["message"]["event"]["type"] == "escalated" {
                return;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, answered).await.expect("the message is answered in time");
}
