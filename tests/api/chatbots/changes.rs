//! `PATCH /chatbots/{chatbot_id}`.

use serde_json::{Value, json};
use shared::{domain::chatbot::Document, store::ChatbotWrite};

use tests::stage::Stage;

#[tokio::test]
async fn what_is_given_changes_and_the_rest_stays() {
    let stage = Stage::start().await;
    let (admin, path) = (stage.admin(), format!("/chatbots/{}", stage.chatbot().await));
    let before = admin.get(&path).await.expect(200).body;
    let body = json!({ "name": "Wren", "temperature": 0, "tools": [{ "name": "t", "parameters": {} }] });
    let after = admin.patch(&path, body).await.expect(200).body;
    let mut expected = before;
    expected["name"] = json!("Wren");
    expected["temperature"] = json!(0.0);
    expected["tools"] = json!([{ "name": "t", "description": "", "parameters": {}, "strict": false }]);
    expected["version"] = json!(2);
    expected["updated_at"] = after["updated_at"].clone();
    assert_eq!(after, expected);
    assert_eq!(admin.get(&path).await.expect(200).body, expected);
}

#[tokio::test]
async fn null_gives_the_choice_back_to_the_model() {
    let stage = Stage::start().await;
    let set = json!({
        "temperature": 1, "max_output_tokens": 100, "reasoning_effort": "low", "verbosity": "high",
        "fallback_model": "gpt-5-nano",
    });
    let chatbot = stage.chatbot_with(set.clone()).await;
    let path = format!("/chatbots/{chatbot}");
    let body: Value = set.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
    let after = stage.admin().patch(&path, body).await.expect(200).body;
    assert!(set.as_object().unwrap().keys().all(|name| after[name].is_null()), "{after}");
    let thread = stage.thread_of(&stage.customer(), &chatbot).await;
    stage.customer().says(&thread, "Hello").await.expect(200);
    let asked = stage.asked_of_openai("POST", "/v1/responses").remove(0).body;
    assert!(asked.get("temperature").is_none() && asked.get("max_output_tokens").is_none(), "{asked}");
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_no_new_version() {
    let stage = Stage::start().await;
    let documents = json!([{ "name": "a", "text": "A" }]);
    let path = format!("/chatbots/{}", stage.chatbot_with(json!({ "documents": documents })).await);
    let before = stage.admin().get(&path).await.expect(200).body;
    stage.standin().forget_requests();
    for body in [json!({}), json!({ "name": "Robin", "documents": documents, "model": "gpt-5-mini" })] {
        assert_eq!(stage.admin().patch(&path, body).await.expect(200).body, before);
    }
    assert!(stage.standin().requests().is_empty());
}

#[tokio::test]
async fn a_change_of_a_version_that_is_past_changes_nothing() {
    let stage = Stage::start().await;
    let path = format!("/chatbots/{}", stage.chatbot().await);
    let (admin, colleague) = (stage.admin(), stage.persona("acme", "admin", "rita"));
    colleague.patch(&path, json!({ "version": 1, "name": "Wren" })).await.expect(200);
    let late = admin.patch(&path, json!({ "version": 1, "name": "Jay" })).await;
    assert_eq!(late.body["version"], 2);
    assert_eq!(
        late.problem(409, "conflict"),
        "the chatbot was changed by another request; read it again (current version: 2)"
    );
    let now = admin.get(&path).await.expect(200).body;
    assert_eq!((&now["name"], &now["version"]), (&json!("Wren"), &json!(2)));
    // Of two concurrent changes of the same version, one succeeds.
    let (one, other) = tokio::join!(
        admin.patch(&path, json!({ "version": 2, "name": "Jay" })),
        colleague.patch(&path, json!({ "version": 2, "name": "Owl" })),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn a_thread_under_way_is_answered_as_the_chatbot_is_now() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let thread = stage.thread_of(&customer, &chatbot).await;
    customer.says(&thread, "Hello").await.expect(200);
    let body = json!({ "name": "Wren", "model": "gpt-5", "instructions": "Be kind." });
    stage.admin().patch(&format!("/chatbots/{chatbot}"), body).await.expect(200);
    let answer = customer.says(&thread, "And now?").await.expect(200).body;
    assert_eq!(answer["reply"]["author"]["name"], "Wren");
    let asked = stage.asked_of_openai("POST", "/v1/responses").remove(1).body;
    assert_eq!((&asked["model"], &asked["instructions"]), (&json!("gpt-5"), &json!("Be kind.")));
}

#[tokio::test]
async fn of_two_changes_of_the_documents_the_loser_leaves_the_winners_alone() {
    let stage = Stage::start().await;
    let id = stage.chatbot().await;
    let store = &stage.board.app().store;
    let before = store.chatbot_get("acme", &id.parse().unwrap()).await.unwrap().unwrap();
    // Both have read the same version.
    for (name, set, wins) in
        [("winner", "01JD0000000000000000000001", true), ("loser", "01JD0000000000000000000002", false)]
    {
        let mut after = before.clone();
        after.version += 1;
        after.documents_set = set.into();
        let write = ChatbotWrite { chatbot: &after, before: &before, cleanup: None, audit: None };
        let documents = [Document { name: name.into(), text: name.into() }];
        assert_eq!(store.chatbot_update(&write, Some(&documents)).await.unwrap(), wins);
    }
    let now = stage.admin().get(&format!("/chatbots/{id}")).await.expect(200).body;
    assert_eq!(now["documents"], json!([{ "name": "winner", "text": "winner" }]));
}
