//! `PATCH /threads/{thread_id}`: changes a thread in the table and at OpenAI.

use serde_json::{Value, json};

use tests::stage::Stage;

/// The number of updates that OpenAI got, and the metadata of the last one.
fn told(stage: &Stage) -> (usize, Value) {
    let told = stage.asked_of_openai("POST", "/v1/conversations/conv_");
    (told.len(), told.last().map(|request| request.body["metadata"].clone()).unwrap_or_default())
}

#[tokio::test]
async fn a_change_is_mirrored_at_openai() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/threads/{thread}");
    let changed = customer.patch(&path, json!({ "title": "A parcel", "metadata": { "order": "42", "shop": "b" } }));
    let changed = changed.await.expect(200).body;
    assert_eq!((&changed["title"], &changed["metadata"]), (&json!("A parcel"), &json!({ "order": "42", "shop": "b" })));
    assert!(changed["updated_at"].as_str() >= changed["created_at"].as_str());
    let pairs = json!({ "title": "A parcel", "order": "42", "shop": "b", "switchboard_thread": thread });
    assert_eq!(told(&stage), (1, pairs));
    let mut read = customer.reads(&thread).await;
    assert_eq!(read.as_object_mut().unwrap().remove("unread"), Some(json!(0)));
    assert_eq!(read, changed);
}

#[tokio::test]
async fn null_takes_away_and_what_is_absent_stays() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/threads/{thread}");
    customer.patch(&path, json!({ "title": "A parcel", "metadata": { "order": "42", "shop": "b" } })).await.expect(200);
    let body = json!({ "metadata": { "order": null, "unheard_of": null, "colour": "red" } });
    let changed = customer.patch(&path, body).await.expect(200).body;
    assert_eq!(
        (&changed["title"], &changed["metadata"]),
        (&json!("A parcel"), &json!({ "colour": "red", "shop": "b" }))
    );
    let changed = customer.patch(&path, json!({ "title": null })).await.expect(200).body;
    assert_eq!((&changed["title"], &changed["metadata"]), (&Value::Null, &json!({ "colour": "red", "shop": "b" })));
    assert_eq!(told(&stage), (3, json!({ "colour": "red", "shop": "b", "switchboard_thread": thread })));
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_written_or_told() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/threads/{thread}");
    let changed = customer.patch(&path, json!({ "title": "A parcel" })).await.expect(200).body;
    let mut socket = customer.listens(&thread).await;
    for body in [json!({}), json!({ "title": "A parcel", "metadata": { "order": null } })] {
        assert_eq!(customer.patch(&path, body).await.expect(200).body, changed);
    }
    assert_eq!(told(&stage).0, 1);
    assert_eq!(socket.heard_so_far().await, [Value::Null; 0]);
}

#[tokio::test]
async fn metadata_has_no_more_pairs_for_having_come_bit_by_bit() {
    let stage = Stage::start().await;
    let (customer, path) = (stage.customer(), format!("/threads/{}", stage.thread().await));
    for n in 0..14 {
        customer.patch(&path, json!({ "metadata": { format!("k{n}"): "v" } })).await.expect(200);
    }
    let said = customer.patch(&path, json!({ "metadata": { "k14": "v" } })).await.invalid();
    assert_eq!(said, "metadata: must have at most 14 pairs");
}

#[tokio::test]
async fn without_openai_a_change_is_saved_and_told_at_the_next_run() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/threads/{thread}");
    stage.openai_goes_down();
    customer.patch(&path, json!({ "title": "A parcel" })).await.expect(200);
    assert_eq!(customer.get(&path).await.expect(200).body["title"], "A parcel");
    stage.openai_comes_back();
    stage.standin().forget_requests();
    customer.says(&thread, "Where is it?").await.expect(200);
    assert_eq!(told(&stage), (1, json!({ "title": "A parcel", "switchboard_thread": thread })));
    customer.says(&thread, "And when?").await.expect(200);
    assert_eq!(told(&stage).0, 1);
}

#[tokio::test]
async fn another_chatbot_answers_from_then_on() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let other = stage.chatbot_with(json!({ "name": "Wren" })).await;
    let changed = customer.patch(&format!("/threads/{thread}"), json!({ "chatbot_id": other })).await.expect(200);
    assert_eq!(changed.body["chatbot_id"], json!(other));
    let answer = customer.says(&thread, "Who are you?").await.expect(200).body;
    assert_eq!(answer["reply"]["author"], json!({ "id": other, "name": "Wren" }));
}

#[tokio::test]
async fn an_ended_thread_stays_as_it_is() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.posts(&format!("/threads/{thread}/end")).await.expect(200);
    let refused = customer.patch(&format!("/threads/{thread}"), json!({ "title": "Late" })).await;
    assert_eq!(refused.problem(409, "conflict"), "the thread has ended");
}

#[tokio::test]
async fn listeners_hear_of_a_change() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let changed = customer.patch(&format!("/threads/{thread}"), json!({ "title": "A parcel" })).await.expect(200);
    assert_eq!(socket.hears_of("thread.updated").await["thread"], changed.body);
}
