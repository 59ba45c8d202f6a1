//! `DELETE /chatbots/{chatbot_id}`: deletes a chatbot from the table and from OpenAI.

use local::Options;
use serde_json::json;

use tests::{stage::Stage, wire::Wire};

#[tokio::test]
async fn a_deleted_chatbot_leaves_nothing_behind() {
    let wire = Wire::default();
    let stage = Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await;
    let documents: Vec<_> = (0..30).map(|n| json!({ "name": format!("{n}.md"), "text": "Page" })).collect();
    let (admin, chatbot) = (stage.admin(), stage.chatbot_with(json!({ "documents": documents })).await);
    let path = format!("/chatbots/{chatbot}");
    assert!(admin.delete(&path).await.expect(204).body.is_null());
    admin.get(&path).await.problem(404, "not_found");
    admin.patch(&path, json!({ "name": "Wren" })).await.problem(404, "not_found");
    admin.delete(&path).await.problem(404, "not_found");
    assert_eq!(admin.get("/chatbots").await.expect(200).body["data"], json!([]));
    let counts = stage.standin().counts();
    assert_eq!((counts.files, counts.vector_stores), (0, 0));
    assert_eq!(wire.partition(&format!("acme#CHATBOT#{chatbot}")).await, [""; 0]);
}

#[tokio::test]
async fn without_openai_a_chatbot_is_gone_here_and_its_removal_there_stays_due() {
    let wire = Wire::default();
    let stage = Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await;
    let chatbot = stage.chatbot_with(json!({ "documents": [{ "name": "a", "text": "A" }] })).await;
    stage.openai_goes_down();
    stage.admin().delete(&format!("/chatbots/{chatbot}")).await.expect(204);
    stage.admin().get(&format!("/chatbots/{chatbot}")).await.problem(404, "not_found");
    let left = wire.partition(&format!("acme#CHATBOT#{chatbot}")).await;
    assert!(left.len() == 1 && left[0].starts_with("REMOVAL#vs_"), "{left:?}");
}

#[tokio::test]
async fn a_thread_of_a_deleted_chatbot_goes_to_a_person_at_its_next_turn() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let thread = stage.thread_of(&customer, &chatbot).await;
    customer.says(&thread, "Hello").await.expect(200);
    stage.admin().delete(&format!("/chatbots/{chatbot}")).await.expect(204);
    let path = format!("/threads/{thread}");
    assert_eq!(customer.get(&path).await.expect(200).body["status"], "bot");
    let answer = customer.says(&thread, "Still there?").await.expect(202).body;
    assert_eq!((&answer["reply"], &answer["thread"]["status"]), (&json!(null), &json!("queued")));
    assert_eq!(answer["thread"]["reason"], "failure");
    assert_eq!(customer.transcript(&thread).await[2..], ["customer: Still there?", "[escalated]"]);
    assert_eq!(customer.log(&thread).await[3]["text"], "Sorry, I cannot answer right now. A person will take over.");
    let body = json!({ "chatbot_id": chatbot });
    assert_eq!(customer.post("/threads", body).await.invalid(), "chatbot_id: there is no such chatbot");
}
