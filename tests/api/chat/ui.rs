//! `POST /chat` as the Vercel AI SDK's transport sends it, and the chunks of the response.

use serde_json::{Value, json};

use tests::{
    cited_answer::{ANSWER, QUESTION},
    openai::brisk,
    stage::Stage,
    streams::{asked, text, types},
};

#[tokio::test]
async fn a_turn_is_told_in_the_sdks_chunks() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let chunks = customer.chats(&asked(&thread, "Ln1Y0kRJ3NLOyEKE", "Hello")).await;
    let expected = ["start", "text-start", "text-delta", "text-end", "message-metadata", "finish"];
    assert_eq!(types(&chunks), expected);
    let log = customer.log(&thread).await;
    assert_eq!(log.len(), 2);
    assert_eq!((&log[0]["text"], &log[0]["client_id"]), (&json!("Hello"), &json!("Ln1Y0kRJ3NLOyEKE")));
    assert_eq!(log[1]["text"], text(&chunks, "text-1"));
    assert_eq!(chunks.last().unwrap()["finishReason"], "stop");
    let begun = json!({ "thread_id": thread, "role": "bot", "owner": "bot" });
    assert_eq!(chunks[0], json!({ "type": "start", "messageMetadata": begun }));
    let logged = json!({
        "thread_id": thread, "message_id": log[1]["id"], "seq": 2, "at": log[1]["at"], "role": "bot", "name": "Robin",
        "owner": "bot",
    });
    assert_eq!(chunks[chunks.len() - 2]["messageMetadata"], logged);
}

#[tokio::test]
async fn the_last_of_the_users_messages_counts_and_sent_again_gets_the_first_answer() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let first = customer.chats(&asked(&thread, "one", "Hello")).await;
    let mut body = asked(&thread, "one", "Hello");
    let parts = json!([{ "type": "step-start" }, { "type": "text", "text": "Hi" }]);
    let said = json!({ "id": "x", "role": "assistant", "metadata": {}, "parts": parts });
    let parts = json!([{ "type": "text", "text": "And " }, { "type": "text", "text": "now?" }]);
    let more = json!({ "id": "two", "role": "user", "parts": parts });
    body["messages"].as_array_mut().unwrap().extend([said, more]);
    customer.chats(&body).await;
    assert_eq!(customer.log(&thread).await[2]["text"], "And now?");
    // As `regenerate` asks, although an answer stays in the log for good.
    let mut again = asked(&thread, "one", "Hello");
    again["trigger"] = json!("regenerate-message");
    again["messageId"] = json!("x");
    let repeated = customer.chats(&again).await;
    assert_eq!(text(&repeated, "text-1"), text(&first, "text-1"));
    // It comes from the log, so its id is known from the start, as is the rest.
    assert_eq!(repeated[0]["messageId"], repeated[0]["messageMetadata"]["message_id"]);
    assert_eq!(repeated[0]["messageMetadata"], repeated[repeated.len() - 2]["messageMetadata"]);
    assert_eq!(customer.log(&thread).await.len(), 4);
}

#[tokio::test]
async fn where_a_person_holds_the_line_the_thread_is_shown() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.agent().claims(&thread).await.expect(200);
    let chunks = customer.chats(&asked(&thread, "one", "Hello?")).await;
    assert_eq!(types(&chunks), ["start", "data-thread", "finish"]);
    assert_eq!(chunks[0]["messageMetadata"], json!({ "thread_id": thread, "owner": "agent" }));
    let shown = &chunks[1]["data"];
    assert_eq!(
        (&shown["id"], &shown["status"], &shown["agent"]["id"]),
        (&json!(thread), &json!("agent"), &json!("ana"))
    );
}

#[tokio::test]
async fn an_answer_that_lost_the_line_is_said_to_be_void() {
    let stage = Stage::with(brisk()).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut hers = agent.listens(&thread).await;
    let hold = stage.hold_after(3);
    let body = asked(&thread, "one", "Hello");
    let (chunks, ()) = tokio::join!(customer.chats(&body), async {
        hers.hears_of("message.delta").await;
        agent.claims(&thread).await.expect(200);
        hers.hears_of("message.discarded").await;
        hold.release();
    });
    let expected = [
        "start",
        "text-start",
        "text-delta",
        "text-end",
        "data-discarded",
        "message-metadata",
        "data-thread",
        "finish",
    ];
    assert_eq!(types(&chunks), expected);
    assert_eq!(chunks[chunks.len() - 3]["messageMetadata"]["owner"], "agent");
    assert_eq!(chunks.last().unwrap()["finishReason"], "stop");
    let discarded = chunks.iter().find(|chunk| chunk["type"] == "data-discarded").unwrap();
    assert_eq!(discarded["data"], json!({ "part": "text-1", "reason": "the line changed hands" }));
    assert_eq!(customer.log(&thread).await.len(), 2);
}

#[tokio::test]
async fn a_cut_answer_ends_for_its_length_and_names_its_documents() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread_with_cited_answer().await);
    let (client_id, question) = QUESTION;
    let chunks = customer.chats(&asked(&thread, client_id, question)).await;
    let expected = ["start", "text-start", "text-delta", "text-end", "source-document", "message-metadata", "finish"];
    assert_eq!(types(&chunks), expected);
    assert_eq!(text(&chunks, "text-1"), ANSWER);
    let reply = customer.log(&thread).await[1]["id"].as_str().unwrap().to_owned();
    let source = |at: usize, title| {
        json!({
            "type": "source-document", "sourceId": format!("{reply}-{at}"), "mediaType": "text/plain", "title": title,
        })
    };
    assert_eq!(chunks[4..6], [source(0, "prices.md"), source(1, "hours.md")]);
    assert_eq!(chunks.last().unwrap()["finishReason"], "length");
}

#[tokio::test]
async fn what_front_ends_send_beside_the_message_is_ignored() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut body = asked(&thread, "one", "Hello");
    let others = json!({
        "tools": { "weather": { "parameters": {} } }, "system": "You are a pirate.", "callSettings": { "maxTokens": 5 },
        "model": "gpt-5", "runConfig": {}, "unstable_assistantMessageId": "x",
    });
    body.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    body["messages"][0]["parts"].as_array_mut().unwrap().push(json!({ "type": "data-page", "data": { "url": "/" } }));
    let chunks = customer.chats(&body).await;
    assert_eq!(chunks.last().unwrap()["finishReason"], "stop");
    assert_eq!(customer.log(&thread).await[0]["text"], "Hello");
    assert_eq!(stage.asked()[0]["model"], "gpt-5-mini");
}

#[tokio::test]
async fn what_is_wrong_is_said_of_the_field() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = asked(&thread, "one", "Hello");
        change(&mut body);
        body
    };
    let file = json!({ "type": "file", "mediaType": "image/png", "url": "data:," });
    let wrong = [
        (with(&|body| body["messages"] = json!([])), "messages: must contain a message of the role `user`"),
        (with(&|body| body["trigger"] = json!("resume")), "trigger: "),
        (with(&|body| body["id"] = json!("x")), "id: "),
        (with(&|body| body["messages"][0]["parts"][0]["text"] = json!(" ")), "messages.0.parts: must not be empty"),
        (with(&|body| body["messages"][0]["id"] = json!("")), "messages.0.id: must have 1 to 64 characters"),
        (
            with(&|body| body["messages"][0]["parts"][0] = file.clone()),
            "messages.0.parts.0: must be a text part: files cannot be sent to a conversation yet",
        ),
        (
            with(&|body| body["messages"][0]["parts"][0] = json!({ "type": "reasoning" })),
            "messages.0.parts.0: must be a text part",
        ),
    ];
    for (body, said) in wrong {
        let refused = customer.post("/chat", body).await.invalid();
        assert!(refused.starts_with(said), "{refused}");
    }
    let stranger = stage.persona("acme", "customer", "eve");
    stranger.post("/chat", asked(&thread, "one", "Hello")).await.problem(404, "not_found");
    assert_eq!(customer.log(&thread).await, [json!(null); 0]);
}

#[tokio::test]
async fn an_edited_message_is_a_new_one_and_sent_once() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.chats(&asked(&thread, "one", "Helo")).await;
    let edited = customer.chats(&asked(&thread, "one", "Hello")).await;
    assert!(text(&edited, "text-1").contains("\"Hello\""), "{edited:?}");
    for (again, answer) in [("Hello", 4), ("Helo", 2)] {
        let chunks = customer.chats(&asked(&thread, "one", again)).await;
        assert_eq!(chunks[0]["messageMetadata"]["seq"], answer);
    }
    // A long id leaves room for what tells the edited message apart.
    let id_of_64 = "x".repeat(64);
    customer.chats(&asked(&thread, &id_of_64, "Bye")).await;
    customer.chats(&asked(&thread, &id_of_64, "Goodbye")).await;
    let log = customer.log(&thread).await;
    let ids: Vec<_> = [0, 2, 4, 6].map(|place| log[place]["client_id"].as_str().unwrap().to_owned()).into();
    assert_eq!((log.len(), ids[0].as_str(), ids[2].as_str()), (8, "one", id_of_64.as_str()));
    assert!(ids[1].starts_with("one~") && ids[3].len() == 64 && ids[3] != id_of_64, "{ids:?}");
    // The other route has no edited messages.
    customer.says_as(&thread, "one", "Hi").await.problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn a_bot_that_failed_ends_with_an_error_and_the_queue() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.openai_goes_down();
    let chunks = customer.chats(&asked(&thread, "one", "Hello")).await;
    assert_eq!(types(&chunks), ["start", "data-thread", "finish"]);
    assert_eq!(
        (&chunks[0]["messageMetadata"]["owner"], &chunks[2]["finishReason"]),
        (&json!("queued"), &json!("error"))
    );
    stage.openai_comes_back();
}
