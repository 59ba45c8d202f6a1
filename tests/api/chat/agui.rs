//! `POST /agui` as AG-UI's `HttpAgent` sends it, and the events of the response.

use std::time::Duration;

use insta::assert_json_snapshot;
use local::Options;
use serde_json::{Value, json};

use tests::{
    cited_answer::{ANSWER, DOCUMENTS, QUESTION},
    clock::Turned,
    openai::brisk,
    persona::redacted,
    stage::Stage,
    streams::types,
};

/// Longer than a run's lease.
const LEASE: Duration = Duration::from_secs(31);

/// The body that AG-UI's client sends for a first message.
fn run(thread: &str, id: &str, text: &str) -> Value {
    json!({
        "threadId": thread, "runId": "run-1", "protocolVersion": "1.0", "tools": [], "context": [], "state": {},
        "forwardedProps": {}, "messages": [{ "id": id, "role": "user", "content": text }],
    })
}

/// The text of the message with this id.
fn text<'a>(events: &'a [Value], id: &Value) -> String {
    let is_content = |event: &&'a Value| event["type"] == "TEXT_MESSAGE_CONTENT" && event["messageId"] == *id;
    events.iter().filter(is_content).map(|event| event["delta"].as_str().unwrap()).collect()
}

/// The value of the event `CUSTOM` with this name.
fn custom<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let found = events.iter().find(|event| event["type"] == "CUSTOM" && event["name"] == name);
    &found.unwrap_or_else(|| panic!("no {name} in {events:?}"))["value"]
}

#[tokio::test]
async fn a_turn_is_told_in_the_protocols_events() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut events = customer.runs(&run(&thread, "one", "Hello")).await;
    let log = customer.log(&thread).await;
    assert_eq!(
        (&log[0]["client_id"], &log[1]["text"]),
        (&json!("one"), &json!(text(&events, &events[1]["messageId"])))
    );
    // Of the words, the first is enough.
    let mut words = 0;
    events.retain(|event| {
        words += usize::from(event["type"] == "TEXT_MESSAGE_CONTENT");
        event["type"] != "TEXT_MESSAGE_CONTENT" || words == 1
    });
    redacted().bind(|| {
        assert_json_snapshot!(events, @r#"
    [
      {
        "protocolVersion": "1.0",
        "runId": "run-1",
        "threadId": "[thread]",
        "type": "RUN_STARTED"
      },
      {
        "messageId": "[run]-1",
        "role": "assistant",
        "type": "TEXT_MESSAGE_START"
      },
      {
        "delta": "This",
        "messageId": "[run]-1",
        "type": "TEXT_MESSAGE_CONTENT"
      },
      {
        "messageId": "[run]-1",
        "metadata": {
          "at": "[time]",
          "message_id": "[message]",
          "name": "Robin",
          "owner": "bot",
          "role": "bot",
          "seq": 2,
          "thread_id": "[thread]"
        },
        "type": "TEXT_MESSAGE_END"
      },
      {
        "outcome": {
          "type": "success"
        },
        "runId": "run-1",
        "threadId": "[thread]",
        "type": "RUN_FINISHED"
      }
    ]
    "#);
    });
}

#[tokio::test]
async fn where_a_person_holds_the_line_the_run_is_interrupted() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    let waiting = customer.runs(&run(&thread, "one", "Hello?")).await;
    assert_eq!(types(&waiting), ["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
    let interrupt = |events: &[Value]| events.last().unwrap()["outcome"]["interrupts"][0].clone();
    assert_eq!(interrupt(&waiting)["message"], "The conversation waits for a person");
    stage.agent().claims(&thread).await.expect(200);
    let mut body = run(&thread, "two", "Anybody?");
    body["resume"] = json!([{ "interruptId": interrupt(&waiting)["id"], "status": "resolved" }]);
    let events = customer.runs(&body).await;
    assert_eq!(custom(&events, "thread")["agent"]["id"], "ana");
    let interrupts = json!([{
        "id": format!("{thread}-4"), "reason": "human_has_the_line", "message": "ana answers",
    }]);
    assert_eq!(events.last().unwrap()["outcome"], json!({ "type": "interrupt", "interrupts": interrupts }));
}

#[tokio::test]
async fn an_answer_that_lost_the_line_is_ended_and_said_to_be_void() {
    let stage = Stage::with(brisk()).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut hers = agent.listens(&thread).await;
    let hold = stage.hold_after(3);
    let body = run(&thread, "one", "Hello");
    let (events, ()) = tokio::join!(customer.runs(&body), async {
        hers.hears_of("message.delta").await;
        agent.claims(&thread).await.expect(200);
        hers.hears_of("message.discarded").await;
        hold.release();
    });
    let expected =
        ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "CUSTOM", "RUN_FINISHED"];
    assert_eq!(types(&events), expected);
    let discarded = json!({ "messageId": events[1]["messageId"], "reason": "the line changed hands" });
    assert_eq!(*custom(&events, "discarded"), discarded);
    assert_eq!(events.last().unwrap()["outcome"]["type"], "interrupt");
}

/// The events of a run whose message joins one that is held; `then` comes once the message is logged.
async fn joining(stage: &Stage, thread: &str, then: impl FnOnce()) -> Vec<Value> {
    let customer = stage.customer();
    let mut listener = customer.listens(thread).await;
    let body = run(thread, "two", "Second");
    let logged = async {
        while listener.hears_of("message.created").await["message"]["text"] != "Second" {}
        then();
    };
    tokio::join!(customer.runs(&body), logged).0
}

#[tokio::test]
async fn a_run_that_joins_one_which_dies_ends_with_an_error() {
    let clock = Turned::default();
    let stage = Stage::with(Options { clock: clock.clock(), ..Options::default() }).await;
    let thread = stage.thread().await;
    let hold = stage.hold();
    let _first = stage.customer().streams(&thread, json!({ "text": "First" })).await;
    hold.begun().await;
    let events = joining(&stage, &thread, || clock.by(LEASE)).await;
    assert_eq!(types(&events), ["RUN_STARTED", "RUN_ERROR"]);
    assert_eq!(events[1]["code"], "run_failed");
    hold.release();
}

#[tokio::test]
async fn a_run_that_joins_another_ends_with_its_answer() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let _first = customer.streams(&thread, json!({ "text": "First" })).await;
    hold.begun().await;
    let events = joining(&stage, &thread, || hold.release()).await;
    assert_eq!(events.last().unwrap()["outcome"], json!({ "type": "success" }));
    let log = customer.log(&thread).await;
    assert_eq!(text(&events, &log.last().unwrap()["id"]), log.last().unwrap()["text"]);
}

#[tokio::test]
async fn a_message_sent_again_gets_the_first_answer_with_its_documents() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread_with_cited_answer().await);
    let (client_id, question) = QUESTION;
    let events = customer.runs(&run(&thread, client_id, question)).await;
    let reply = customer.log(&thread).await.remove(1);
    assert_eq!((&events[1]["messageId"], &events[1]["name"]), (&reply["id"], &json!("Robin")));
    assert_eq!(text(&events, &reply["id"]), ANSWER);
    let sources = DOCUMENTS.map(|document| json!({ "document": document }));
    assert_eq!(*custom(&events, "sources"), json!({ "messageId": reply["id"], "sources": sources }));
    assert_eq!(events.last().unwrap()["outcome"], json!({ "type": "success" }));
}

#[tokio::test]
async fn parts_of_text_are_one_text_and_the_last_user_message_counts() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut body = run(&thread, "one", "Hello");
    let parts = json!([{ "type": "text", "text": "And " }, { "type": "text", "text": "now?", "metadata": {} }]);
    let others = json!([
        { "id": "x", "role": "assistant", "toolCalls": [] },
        { "id": "two", "role": "user", "content": parts },
        { "id": "y", "role": "activity", "activityType": "plan", "content": { "steps": 3 } },
        { "id": "z", "role": "tool", "toolCallId": "c", "content": "42" },
    ]);
    body["messages"].as_array_mut().unwrap().extend(others.as_array().unwrap().clone());
    customer.runs(&body).await;
    let log = customer.log(&thread).await;
    assert_eq!((&log[0]["text"], &log[0]["client_id"], log.len()), (&json!("And now?"), &json!("two"), 2));
}

#[tokio::test]
async fn what_is_wrong_is_said_of_the_field() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = run(&thread, "one", "Hello");
        change(&mut body);
        body
    };
    let content = |content: Value| with(&|body| body["messages"][0]["content"] = content.clone());
    let image = json!([{ "type": "image", "source": { "type": "url", "value": "https://example.com/a.png" } }]);
    let wrong = [
        (with(&|body| body["messages"] = json!([])), "messages: must contain a message of the role `user`"),
        (with(&|body| body["threadId"] = json!("x")), "threadId: "),
        (with(&|body| _ = body.as_object_mut().unwrap().remove("runId")), "runId: "),
        (with(&|body| body["messages"][0]["id"] = json!("")), "messages.0.id: must have 1 to 64 characters"),
        (content(json!(" ")), "messages.0.content: must not be empty"),
        (content(json!([])), "messages.0.content: must not be empty"),
        (content(json!(7)), "messages.0.content: must be a text or a list of text parts"),
        (content(json!([{ "type": "text" }])), "messages.0.content.0: must be a text part"),
        (content(image), "messages.0.content.0: must be a text part: files cannot be sent to a conversation yet"),
    ];
    for (body, said) in wrong {
        let refused = customer.post("/agui", body).await.invalid();
        assert!(refused.starts_with(said), "{refused}");
    }
    let stranger = stage.persona("acme", "customer", "eve");
    stranger.post("/agui", run(&thread, "one", "Hello")).await.problem(404, "not_found");
    stage.anon().post("/agui", run(&thread, "one", "Hello")).await.problem(401, "unauthenticated");
    assert_eq!(customer.log(&thread).await, [json!(null); 0]);
}
