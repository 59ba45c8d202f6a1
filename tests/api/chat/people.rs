//! Agents who hold the line, or take it.

use serde_json::json;

use tests::stage::Stage;

#[tokio::test]
async fn an_agents_message_claims_from_the_bot_in_the_same_write() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let before = stage.stored(&thread).await.version;
    let answer = agent.says(&thread, "Ana here.").await.expect(202);
    assert_eq!(answer.body["thread"]["status"], "agent");
    assert_eq!(answer.body["thread"]["agent"]["id"], "ana");
    assert_eq!(answer.body["message"]["seq"], 4);
    assert_eq!(customer.transcript(&thread).await[2..], ["[claimed]", "agent: Ana here."]);
    assert_eq!(stage.stored(&thread).await.version, before + 1);
}

#[tokio::test]
async fn an_agents_message_claims_from_the_queue_too() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    agent.says(&thread, "Ana here.").await.expect(202);
    agent.says(&thread, "How can I help?").await.expect(202);
    let log = customer.transcript(&thread).await;
    assert_eq!(log, ["[escalated]", "[claimed]", "agent: Ana here.", "agent: How can I help?"]);
}

#[tokio::test]
async fn nobody_speaks_into_another_agents_line() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    stage.agent().claims(&thread).await.expect(200);
    let ben = stage.persona("acme", "agent", "ben");
    assert_eq!(ben.says(&thread, "Ben here.").await.problem(409, "conflict"), "ana holds the line");
    // An admin may take the line, but only by an explicit claim.
    assert_eq!(stage.admin().says(&thread, "Root here.").await.problem(409, "conflict"), "ana holds the line");
    assert_eq!(stage.customer().transcript(&thread).await, ["[claimed]"]);
}

#[tokio::test]
async fn while_a_person_holds_the_line_the_model_is_not_asked() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    let queued = customer.says(&thread, "Hello?").await.expect(202);
    assert_eq!((&queued.body["reply"], &queued.body["thread"]["status"]), (&json!(null), &json!("queued")));
    agent.claims(&thread).await.expect(200);
    customer.says(&thread, "Hello!").await.expect(202);
    assert_eq!(stage.asked().len(), 0);
}

#[tokio::test]
async fn what_people_say_reaches_the_customer_and_the_agent() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let (mut hers, mut his) = (customer.listens(&thread).await, agent.listens(&thread).await);
    agent.says(&thread, "Ana here.").await.expect(202);
    customer.says(&thread, "Good!").await.expect(202);
    for socket in [&mut hers, &mut his] {
        let heard = socket.heard_so_far().await;
        let types: Vec<_> = heard.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["message.created", "thread.updated", "message.created", "message.created"]);
        let seqs: Vec<_> = heard.iter().filter_map(|event| event["seq"].as_u64()).collect();
        assert_eq!(seqs, [1, 2, 3]);
    }
}

#[tokio::test]
async fn a_note_is_for_agents_alone() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let (mut hers, mut his) = (customer.listens(&thread).await, agent.listens(&thread).await);
    customer.says(&thread, "Hello").await.expect(200);
    let note = agent.notes(&thread, "A difficult one").await.expect(200);
    assert_eq!(note.body["note"]["after"], 2);
    // A note does not claim, and is never given to the model.
    assert_eq!(note.body["thread"]["status"], "bot");
    customer.says(&thread, "And now?").await.expect(200);
    assert_eq!(stage.inputs(), [["user: Hello"], ["user: And now?"]]);

    let path = format!("/threads/{thread}/messages");
    let (mut seen, shown) = (agent.get(&path).await.expect(200).body, customer.get(&path).await.expect(200).body);
    assert_eq!(seen["notes"], json!([note.body["note"]]));
    assert_eq!(shown["notes"], json!(null));
    for message in seen["data"].as_array_mut().unwrap() {
        message.as_object_mut().unwrap().remove("usage");
    }
    assert_eq!(shown["data"], seen["data"]);
    let seqs: Vec<_> = customer.log(&thread).await.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);

    assert_eq!(his.hears_of("note.created").await["note"], note.body["note"]);
    assert!(hers.heard_so_far().await.iter().all(|event| event["type"] == "message.created"));
}

#[tokio::test]
async fn a_note_beside_another_agents_line_is_fine() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    stage.agent().claims(&thread).await.expect(200);
    stage.persona("acme", "agent", "ben").notes(&thread, "I know him").await.expect(200);
    assert_eq!(stage.customer().reads(&thread).await["agent"]["id"], "ana");
}

#[tokio::test]
async fn a_customer_writes_no_notes() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    stage.customer().notes(&thread, "Psst").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_note_changes_no_chatbot() {
    let stage = Stage::start().await;
    let (thread, chatbot) = (stage.thread().await, stage.chatbot().await);
    let note = json!({ "text": "Use Wren", "internal": true, "chatbot_id": chatbot });
    let answer = stage.agent().post(&format!("/threads/{thread}/chat"), note).await;
    assert_eq!(answer.problem(400, "invalid"), "chatbot_id: must be absent when `internal` is true");
}
