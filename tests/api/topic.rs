//! Notices to the deployment's SNS topic: each thread that goes into the queue, at least once.

use std::time::Duration;

use insta::{assert_json_snapshot, assert_snapshot};
use local::Options;
use serde_json::{Value, json};
use shared::{App, store::key};

use super::logs::Logs;
use tests::{
    clock::Turned,
    meter::{Meter, Metered},
    openai::brisk,
    persona::redacted,
    receiver::{Receiver, SECRET},
    stage::Stage,
    table::{Table, id},
    topic::{TopicReply, TopicServer, topic_at},
    wire::Wire,
};

const HOUR: Duration = Duration::from_hours(1);

/// The words after which the stand-in's bot hands over.
const PLEA: &str = "May I speak to a person?";

/// A stage with a topic and a clock that can be advanced, its table, and its topic's server.
async fn set_up(turned: &Turned) -> (Stage, Table, TopicServer) {
    let server = TopicServer::start().await;
    let options = Options { clock: turned.clock(), queued_topic: Some(server.topic()), ..brisk() };
    let (stage, table) = Table::of(options).await;
    (stage, table, server)
}

#[tokio::test]
async fn a_message_tells_programs_people_and_chats_who_waits() {
    let (stage, _, server) = set_up(&Turned::default()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let reason = json!({ "reason": "My order & <!channel> [here](https://x.example)\nThread: thr_1" });
    customer.post(&format!("/threads/{thread}/escalate"), reason).await.expect(200);
    let [published] = server.published().try_into().unwrap();
    assert_eq!(published.subject, "A customer of acme waits for a person");
    let chat: Value = serde_json::from_str(&published.messages["https"]).unwrap();
    redacted().bind(|| {
        assert_json_snapshot!(published.attributes, @r#"
        {
          "reason": "asked",
          "tenant": "acme",
          "type": "thread.queued"
        }
        "#);
        assert_json_snapshot!(published.event(), @r#"
        {
          "at": "[time]",
          "message": {
            "at": "[time]",
            "author": {
              "id": "cus"
            },
            "event": {
              "comment": "My order & <!channel> [here](https://x.example)\nThread: thr_1",
              "reason": "asked",
              "type": "escalated"
            },
            "id": "[message]",
            "role": "system",
            "seq": 1,
            "text": "",
            "thread_id": "[thread]"
          },
          "tenant": "acme",
          "thread": {
            "chatbot_id": "[chatbot]",
            "created_at": "[time]",
            "customer_id": "cus",
            "id": "[thread]",
            "metadata": {},
            "reason": "asked",
            "seq": 1,
            "status": "queued",
            "status_since": "[time]",
            "title": null,
            "updated_at": "[time]",
            "waiting_since": "[time]"
          },
          "type": "thread.queued"
        }
        "#);
        assert_snapshot!(published.messages["email"], @"
        A customer of acme waits for a person.

        Reason: the customer asked for a person
        Since: [time]
        Thread: [thread]
        Comment: My order & <!channel> [here](https://x.example) Thread: thr_1

        Open it in the console: https://pages.example.com/console#[thread]
        ");
        assert_json_snapshot!(chat, { ".content.description" => "[description]" }, @r##"
        {
          "content": {
            "description": "[description]",
            "nextSteps": [
              "Open it in the console: https://pages.example.com/console#[thread]"
            ],
            "textType": "client-markdown",
            "title": "A customer of acme waits for a person"
          },
          "id": "[message]",
          "metadata": {
            "additionalContext": {
              "reason": "asked",
              "tenant": "acme",
              "thread_id": "[thread]"
            },
            "eventType": "thread.queued",
            "relatedResources": [
              "[thread]"
            ],
            "summary": "A customer of acme waits for a person",
            "threadId": "[thread]"
          },
          "source": "custom",
          "version": "1.0"
        }
        "##);
        assert_snapshot!(chat["content"]["description"].as_str().unwrap(), @"
        *Reason:* the customer asked for a person
        *Since:* [time]
        *Comment:* My order &amp; &lt;!channel&gt; (here)(https://x.example) Thread: thr_1
        ");
    });
}

#[tokio::test]
async fn each_way_into_the_queue_is_published_once() {
    let turned = Turned::default();
    let (stage, table, server) = set_up(&turned).await;
    let (customer, agent) = (stage.customer(), stage.agent());
    let mut threads = Vec::new();
    for _ in 0..5 {
        threads.push(stage.thread().await);
    }
    let [asked, bot, failure, released, absent] = threads.as_slice() else { unreachable!() };
    customer.escalates(asked).await.expect(200);
    // A repeat changes nothing.
    customer.escalates(asked).await.expect(200);
    assert_eq!(server.reasons(), ["asked"]);
    customer.says(bot, PLEA).await.expect(202);
    assert_eq!(server.reasons(), ["asked", "bot"]);
    stage.openai_goes_down();
    customer.says(failure, "Hello").await.expect(202);
    stage.openai_comes_back();
    assert_eq!(server.reasons(), ["asked", "bot", "failure"]);
    agent.claims(released).await.expect(200);
    agent.releases(released, "queue").await.expect(200);
    assert_eq!(server.reasons(), ["asked", "bot", "failure", "released"]);
    agent.claims(absent).await.expect(200);
    customer.says(absent, "Hello?").await.expect(202);
    turned.by(HOUR);
    stage.sweeps().await;
    // What a sweep writes is attempted by the next one.
    assert_eq!(table.topic_notices(absent).await.len(), 1);
    turned.by(Duration::from_mins(1));
    stage.sweeps().await;
    assert_eq!(server.reasons(), ["absent", "asked", "bot", "failure", "released"]);

    for published in server.published() {
        let event = published.event();
        let thread = event["thread"]["id"].as_str().unwrap();
        let logged = customer.log(thread).await.into_iter().find(|message| message["id"] == event["message"]["id"]);
        assert_eq!(logged.as_ref(), Some(&event["message"]));
        assert_eq!(event["thread"]["reason"], published.attributes["reason"]);
        assert_eq!((&event["type"], &event["tenant"]), (&json!("thread.queued"), &json!("acme")));
        assert_eq!(table.topic_notices(thread).await, [""; 0]);
    }
}

#[tokio::test]
async fn no_other_change_of_owner_is_published() {
    let (stage, table, server) = set_up(&Turned::default()).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    agent.releases(&thread, "bot").await.expect(200);
    customer.says(&thread, "Hello").await.expect(200);
    agent.says(&thread, "Ana here.").await.expect(202);
    customer.ends(&thread).await.expect(200);
    assert_eq!((server.requests(), table.topic_notices(&thread).await.len()), (0, 0));
}

#[tokio::test]
async fn a_chatbots_webhook_and_the_topic_are_both_told() {
    let (stage, table, server) = set_up(&Turned::default()).await;
    let receiver = Receiver::start().await;
    let chatbot = stage.chatbot_with(json!({ "webhook": { "url": receiver.url, "secret": SECRET } })).await;
    let thread = stage.thread_of(&stage.customer(), &chatbot).await;
    stage.customer().says(&thread, PLEA).await.expect(202);
    let (mut published, told) = (server.published()[0].event(), receiver.told()[0].body.clone());
    assert_eq!(published.as_object_mut().unwrap().remove("tenant"), Some(json!("acme")));
    assert_eq!(published, told);
    stage.agent().claims(&thread).await.expect(200);
    assert_eq!(receiver.types(), ["thread.queued", "thread.claimed"]);
    assert_eq!(server.requests(), 1);
    assert_eq!(table.topic_notices(&thread).await, [""; 0]);
}

#[tokio::test]
async fn a_topic_that_fails_is_told_by_a_later_sweep() {
    use TopicReply::{Never, Status};
    let turned = Turned::default();
    let (stage, table, server) = set_up(&turned).await;
    // A refusal is final for the attempt; a failure that may pass is tried three times.
    for (replies, requests) in
        [(vec![Status(403)], 1), (vec![Status(500), Status(503), Status(429)], 3), (vec![Never], 1)]
    {
        let thread = stage.thread().await;
        let (before, published) = (server.requests(), server.published().len());
        server.replies(replies);
        stage.customer().escalates(&thread).await.expect(200);
        assert_eq!((server.requests() - before, table.topic_notices(&thread).await.len()), (requests, 1));
        // Not due yet: it was attempted only just now.
        stage.board.sweep().await;
        assert_eq!(server.requests() - before, requests);
        turned.by(Duration::from_mins(1));
        stage.board.sweep().await;
        assert_eq!((server.published().len() - published, table.topic_notices(&thread).await.len()), (1, 0));
        assert_eq!(server.published().last().unwrap().event()["thread"]["id"], thread);
        turned.by(HOUR);
        stage.board.sweep().await;
        assert_eq!(server.requests() - before, requests + 1, "it is published once");
    }
}

#[tokio::test]
async fn a_topic_that_cannot_be_reached_keeps_nobody_from_the_queue() {
    let nobody = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let turned = Turned::default();
    let options = Options { clock: turned.clock(), queued_topic: Some(topic_at(&url)), ..brisk() };
    let (stage, table) = Table::of(options).await;
    let thread = stage.thread().await;
    let (logs, _kept) = Logs::kept("shared=warn,sweep=error");
    stage.customer().escalates(&thread).await.expect(200);
    let lines = logs.take();
    assert!(lines[0].contains("publishing to the topic failed"), "{lines:?}");
    assert!(lines[0].contains("SNS could not be reached: Connection refused"), "{lines:?}");
    // A day later it is given up, as an error.
    for (hours, left) in [(1, 1), (22, 1), (2, 0)] {
        turned.by(HOUR * hours);
        stage.board.sweep().await;
        assert_eq!(table.topic_notices(&thread).await.len(), left, "{hours}");
    }
    let lines = logs.take();
    let given_up = "publishing to the topic failed for a day; notice dropped";
    assert_eq!(lines.iter().filter(|line| line.contains("ERROR") && line.contains(given_up)).count(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_function_that_knows_no_topic_leaves_a_notice_to_one_that_does() {
    let (stage, table, server) = set_up(&Turned::default()).await;
    let thread = stage.thread().await;
    server.replies([TopicReply::Status(403)]);
    stage.customer().escalates(&thread).await.expect(200);
    let [notice] = table.topic_notices(&thread).await.try_into().unwrap();
    let without = App { queued_topic: None, ..stage.board.app().as_ref().clone() };
    let key = key::notice("acme", &id(&thread), &notice.parse().unwrap());
    let read = without.store.outbox_get(&key).await.unwrap().unwrap();
    assert!(!without.attempt(&read).await.unwrap());
    assert_eq!((server.requests(), table.topic_notices(&thread).await.len()), (1, 1));
    assert!(stage.board.app().attempt(&read).await.unwrap());
    assert_eq!((server.requests(), table.topic_notices(&thread).await.len()), (2, 0));
}

#[tokio::test]
async fn without_a_topic_no_notice_is_written() {
    let wire = Wire::recording();
    let stage = Stage::with(Options { dynamo: wire.transport(), ..brisk() }).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    agent.claims(&thread).await.expect(200);
    agent.releases(&thread, "queue").await.expect(200);
    let written = wire.recorded().into_iter().map(|made| made.request.to_string()).collect::<String>();
    assert!(written.contains("escalated") && !written.contains(key::NOTICE), "{written}");
}

#[tokio::test]
async fn a_turn_of_the_bot_costs_the_same_with_a_topic() {
    let server = TopicServer::start().await;
    let mut costs = Vec::new();
    for queued_topic in [None, Some(server.topic())] {
        let meter = std::sync::Arc::<Meter>::default();
        let metered = std::sync::Arc::clone(&meter);
        let dynamo = local::DynamoWire::new(move |inner| Metered::new(inner, metered));
        let stage = Stage::with(Options { dynamo, queued_topic, ..brisk() }).await;
        let thread = stage.thread().await;
        meter.reset(true);
        stage.customer().says(&thread, "Hello").await.expect(200);
        costs.push((meter.calls(), meter.round_trips(), format!("{} {}", meter.read(), meter.written())));
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn the_longest_notice_fits_into_a_message() {
    let (stage, _, server) = set_up(&Turned::default()).await;
    let chatbot = stage.chatbot().await;
    // Each of these characters takes seven bytes, since JSON is written into JSON.
    let longest = |chars: usize| "\u{1}".repeat(chars);
    let metadata: serde_json::Map<_, _> =
        (10..24).map(|number| (format!("{number}{}", longest(62)), json!(longest(512)))).collect();
    let body = json!({ "chatbot_id": chatbot, "title": longest(200), "metadata": metadata });
    let tenant = "t".repeat(64);
    let thread = stage.customer().post("/threads", body).await.expect(201).id();
    let comment = json!({ "reason": longest(500) });
    stage.customer().post(&format!("/threads/{thread}/escalate"), comment).await.expect(200);
    let published = server.published();
    assert_eq!(published[0].event()["thread"]["title"], longest(200));
    // The longest tenant fits into a subject.
    let admin = stage.persona(&tenant, "admin", "root");
    let chatbot = admin.post("/chatbots", json!({ "name": "Robin", "model": "gpt-5-mini" })).await.expect(201).id();
    let customer = stage.persona(&tenant, "customer", "cus");
    let thread = stage.thread_of(&customer, &chatbot).await;
    customer.escalates(&thread).await.expect(200);
    assert_eq!(server.published()[1].subject.len(), 97);
}
