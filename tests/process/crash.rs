//! kill -9 in the middle of it all.

use std::collections::HashMap;

use serde_json::json;
use tempfile::tempdir;
use tokio::sync::mpsc;

use super::Laptop;

/// How many are acknowledged before the process is killed.
const ACKNOWLEDGED: usize = 30;

/// Posts to a thread until nobody answers any more; what was acknowledged is told.
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
            // Lost the race for the thread too often: nothing was promised.
            409 | 503 => {}
            _ => panic!("{status}: {text}"),
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_under_load_exactly_once() {
    let folder = tempdir().unwrap();
    let mut laptop = Laptop::start(folder.path()).await;
    let customer = laptop.variable("CUSTOMER").to_owned();
    let threads = [laptop.thread().await, laptop.thread().await];
    let mut acknowledged: HashMap<&str, Vec<String>> = HashMap::new();

    for life in 0..3 {
        let mut clients = Vec::new();
        let mut told = Vec::new();
        for thread in &threads {
            let (tell, hear) = mpsc::unbounded_channel();
            told.push((thread.as_str(), hear));
            for client in 0..3 {
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

        laptop = Laptop::start(folder.path()).await;
        for thread in &threads {
            let log = laptop.log(thread, &customer).await;
            let seqs: Vec<_> = log.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
            assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "no gap and no double: {seqs:?}");
            let mut times: HashMap<&str, usize> = HashMap::new();
            for client_id in log.iter().filter_map(|message| message["client_id"].as_str()) {
                *times.entry(client_id).or_default() += 1;
            }
            assert!(times.values().all(|times| *times == 1), "twice in the log: {times:?}");
            for client_id in &acknowledged[thread.as_str()] {
                assert!(times.contains_key(client_id.as_str()), "{client_id} was acknowledged and is gone");
            }
        }
    }
}
