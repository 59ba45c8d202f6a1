//! Texts without a visible character are refused wherever an empty text is.

use serde_json::json;

use tests::stage::Stage;

const INVISIBLE: [&str; 10] = [
    "\u{200b}",
    "\u{2060}\u{200b}",
    "\u{3164}",
    "\u{fe0f}",
    "\u{ad}",
    "\u{34f}",
    "\u{0}\u{1b}\u{200d}",
    " \u{2066}\u{202e}\u{2069} ",
    "\u{2800}\u{2800}",
    "\u{e0041}\u{e0100}",
];

#[tokio::test]
async fn a_message_needs_a_visible_character() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    for text in INVISIBLE {
        let refused = customer.says(&thread, text).await.invalid();
        assert_eq!(refused, "text: must have a visible character", "{text:?}");
        agent.notes(&thread, text).await.invalid();
        let parts = json!([{ "type": "text", "text": text }]);
        let messages = json!([{ "id": "m1", "role": "user", "parts": parts }]);
        let body = json!({ "id": thread, "trigger": "submit-message", "messages": messages });
        let refused = customer.post("/chat", body).await.invalid();
        assert_eq!(refused, "messages.0.parts: must have a visible character", "{text:?}");
        let messages = json!([{ "id": "m1", "role": "user", "content": text }]);
        let body = json!({ "threadId": thread, "runId": "r", "messages": messages });
        let refused = customer.post("/agui", body).await.invalid();
        assert_eq!(refused, "messages.0.content: must have a visible character", "{text:?}");
    }
    assert_eq!(customer.log(&thread).await.len(), 0);
    // One that is visible beside them is enough.
    let reply = customer.says(&thread, "\u{200b}ᄒ\u{fe0f}").await.expect(200);
    assert_eq!(reply.body["message"]["text"], "\u{200b}ᄒ\u{fe0f}");
}

#[tokio::test]
async fn a_note_and_a_name_need_one_too() {
    let stage = Stage::start().await;
    let (agent, thread) = (stage.agent(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    for text in INVISIBLE {
        let release = json!({ "to": "queue", "note": text });
        assert!(agent.post(&format!("/threads/{thread}/release"), release).await.invalid().starts_with("note: "));
        let named = json!({ "name": text, "model": "gpt-5-mini" });
        assert!(stage.admin().post("/chatbots", named).await.invalid().starts_with("name: "));
        let documents = json!([{ "name": "a", "text": text }]);
        let body = json!({ "name": "Wren", "model": "gpt-5-mini", "documents": documents });
        assert!(stage.admin().post("/chatbots", body).await.invalid().starts_with("documents[0].text: "));
    }
    // A greeting of nothing is none.
    let chatbot = stage.chatbot_with(json!({ "greeting": "\u{200b}" })).await;
    let thread = stage.thread_of(&stage.customer(), &chatbot).await;
    assert_eq!(stage.customer().log(&thread).await.len(), 0);
}
