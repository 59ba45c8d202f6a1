//! The contract, as the clients of a deployment see it.

use serde_json::{Value, json};
use tests::visitors::SHOP;

use super::{Cloud, eventually};

#[tokio::test]
async fn a_customer_is_answered_by_the_bot() {
    let cloud = Cloud::get();
    let (customer, thread) = (cloud.customer(), cloud.thread().await);
    let answer = customer.says_as(&thread, "one", "Hello").await.expect(200);
    assert!(answer.reply().contains("You said: \"Hello\""), "{}", answer.reply());
    // The same message again is the same one.
    let again = customer.says_as(&thread, "one", "Hello").await.expect(200);
    assert_eq!(again.body["message"], answer.body["message"]);
    assert_eq!(customer.log(&thread).await.len(), 2);
}

#[tokio::test]
async fn an_answer_comes_as_events() {
    let cloud = Cloud::get();
    let (customer, thread) = (cloud.customer(), cloud.thread().await);
    let events = customer.streams(&thread, json!({ "text": "Hello" })).await.rest().await;
    let types: Vec<_> = events.iter().filter_map(|event| event.data["type"].as_str()).collect();
    assert_eq!((types.first(), types.last()), (Some(&"message.created"), Some(&"done")), "{types:?}");
    assert!(types.contains(&"message.delta"), "{types:?}");
}

#[tokio::test]
async fn the_ai_sdk_s_route_answers() {
    let cloud = Cloud::get();
    let (customer, thread) = (cloud.customer(), cloud.thread().await);
    let message = json!({ "id": "one", "role": "user", "parts": [{ "type": "text", "text": "Hello" }] });
    let request = json!({ "id": thread, "trigger": "submit-message", "messages": [message] });
    let chunks = customer.chats(&request).await;
    assert!(chunks.iter().any(|chunk| chunk["type"] == "text-delta"), "{chunks:?}");
}

#[tokio::test]
async fn sockets_hear_a_person_take_over_and_give_back() {
    let cloud = Cloud::get();
    let (customer, agent, thread) = (cloud.customer(), cloud.agent(), cloud.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let mut socket = customer.connects_by_header().await.listening(&thread).await;
    let mut inbox = agent.connects_by_header().await;
    inbox.says(json!({ "action": "subscribe", "inbox": true })).await;
    inbox.heard_so_far().await;

    customer.escalates(&thread).await.expect(200);
    assert_eq!(inbox.hears_of("thread.updated").await["thread"]["status"], "queued");
    agent.claims(&thread).await.expect(200);
    let other = cloud.persona("agent", "bea");
    other.claims(&thread).await.problem(409, "conflict");
    agent.says(&thread, "Ana here.").await.expect(202);
    customer.says(&thread, "Where is my parcel?").await.expect(202);
    agent.releases(&thread, "bot").await.expect(200);

    // The bot answers what was left unanswered, by an asynchronous invocation.
    let bot = async || {
        let log = customer.log(&thread).await;
        log.into_iter().skip(6).find(|message| message["role"] == "bot")
    };
    let reply = eventually(bot).await;
    assert_eq!(reply["answers"]["through"], 6, "{reply}");
    let mut heard = Vec::new();
    while heard.last() != Some(&reply["id"]) {
        heard.push(socket.hears_of("message.created").await["message"]["id"].clone());
    }
    assert_eq!(cloud.customer().reads(&thread).await["status"], "bot");
}

#[tokio::test]
async fn a_lost_socket_gets_what_it_missed() {
    let cloud = Cloud::get();
    let (customer, thread) = (cloud.customer(), cloud.thread().await);
    let socket = customer.connects_by_header().await.listening(&thread).await;
    drop(socket);
    customer.says(&thread, "Hello").await.expect(200);
    let mut again = customer.connects_by_header().await;
    again.says(json!({ "action": "subscribe", "thread_id": thread, "after": 0 })).await;
    let heard = again.heard_so_far().await;
    let seqs: Vec<_> = heard.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(seqs.contains(&1) && seqs.contains(&2), "{heard:?}");
}

#[tokio::test]
async fn a_visitor_gets_a_token_and_an_answer() {
    let cloud = Cloud::get();
    let chatbot = cloud.chatbot(json!({ "public": true, "origins": [SHOP] })).await;
    let visit = cloud.bearing(None).visits(&chatbot).await.expect(201);
    let visitor = cloud.bearing(Some(visit.body["token"].as_str().unwrap().to_owned()));
    let thread = visitor.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id();
    assert!(!visitor.says(&thread, "Hello").await.expect(200).reply().is_empty());
    visitor.get("/chatbots").await.problem(403, "forbidden");
}

#[tokio::test]
async fn an_ended_thread_is_over_for_everybody() {
    let cloud = Cloud::get();
    let (customer, thread) = (cloud.customer(), cloud.thread().await);
    assert_eq!(customer.ends(&thread).await.expect(200).body["status"], "ended");
    customer.says(&thread, "Hello?").await.problem(409, "conflict");
    cloud.agent().claims(&thread).await.problem(409, "conflict");
}

/// The table, read by the AWS CLI: the sweep purges what a deletion leaves when OpenAI fails.
#[tokio::test]
async fn the_sweep_purges_a_deleted_thread() {
    let cloud = Cloud::get();
    let (customer, thread) = (cloud.customer(), cloud.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let failure = json!({ "kind": "status", "status": 503, "headers": { "x-should-retry": "false" } });
    let fault = json!({ "method": "DELETE", "path": "/v1/conversations", "failure": failure });
    let faults = format!("{}/faults", cloud.description["openai_url"].as_str().unwrap().replace("/v1", "/standin"));
    let added = reqwest::Client::new().post(faults).json(&fault).send().await.unwrap();
    assert_eq!(added.status(), 200, "{}", added.text().await.unwrap());
    cloud.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    customer.get(&format!("/threads/{thread}")).await.problem(404, "not_found");
    let (sweep, folder) = (cloud.function("SweepFunction").await, tempfile::tempdir().unwrap());
    let output = folder.path().join("output");
    let values = json!({ ":pk": { "S": format!("acme#THREAD#{thread}") } }).to_string();
    let query = ["dynamodb", "query", "--table-name", cloud.output("TableName"), "--select", "COUNT"];
    let query = [&query[..], &["--key-condition-expression", "pk = :pk", "--expression-attribute-values", &values]];
    let query = query.concat();
    assert!(cloud.aws(&query).await.unwrap()["Count"].as_u64().unwrap() > 0);
    eventually(async || {
        let invoke = ["lambda", "invoke", "--function-name", &sweep, output.to_str().unwrap()];
        let invoked = cloud.aws(&invoke).await.unwrap();
        assert_eq!(invoked["FunctionError"], Value::Null);
        (cloud.aws(&query).await.unwrap()["Count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn bodies_and_roles_are_checked_as_anywhere() {
    let cloud = Cloud::get();
    let (customer, thread) = (cloud.customer(), cloud.thread().await);
    let mine = json!({ "name": "Mine", "model": "gpt-5-mini" });
    customer.post("/chatbots", mine).await.problem(403, "forbidden");
    assert_eq!(customer.post("/threads", json!({ "nonsense": 1 })).await.status, 400);
    customer.says(&thread, &"é".repeat(32_001)).await.problem(400, "invalid");
    cloud.persona("customer", "eve").get(&format!("/threads/{thread}")).await.problem(404, "not_found");
    let create = json!({ "chatbot_id": cloud.chatbot(json!({})).await });
    let first = customer.posts_under("cloud-key", "/threads", create.clone()).await.expect(201).id();
    assert_eq!(customer.posts_under("cloud-key", "/threads", create).await.expect(201).id(), first);
}
