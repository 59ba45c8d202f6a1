//! The log of refusals: the server's own message, except where it may quote people or the key.

use serde_json::json;

use super::{
    KEY, client, outcome,
    peer::{self, Peer, refusal},
};
use crate::api::logs::Logs;

const WARNINGS: &str = "off,shared=warn";

#[tokio::test]
async fn a_message_about_models_and_files_is_logged_cut_and_without_the_key() {
    let (logs, _logging) = Logs::kept(WARNINGS);
    let message = format!("The project of {KEY} has no access. {}", "🦀".repeat(300));
    let peer = Peer::playing(move |_| refusal(403, "no_access", &message)).await;
    let openai = client(&peer);

    openai.model_check("m").await.unwrap_err();
    openai.file_create("faq.md", "…").await.unwrap_err();
    openai.vector_store_create("bot_1", &[]).await.unwrap_err();

    let logged = logs.text();
    assert_eq!(logged.matches("server_message=\"The project of … has no access. 🦀").count(), 3, "{logged}");
    assert!(!logged.contains(KEY), "{logged}");
    assert_eq!(logged.matches('🦀').count(), 3 * (200 - "The project of … has no access. ".chars().count()));
}

#[tokio::test]
async fn a_message_that_may_quote_people_or_the_key_is_not_logged() {
    let (logs, _logging) = Logs::kept(WARNINGS);
    let peer = Peer::playing(|_| refusal(400, "invalid_value", "Invalid value: 'my secret'.")).await;
    let openai = client(&peer);
    outcome(&openai).await.unwrap_err();
    openai.conversation_create(&[("title".to_owned(), "my secret".to_owned())].into()).await.unwrap_err();
    openai.conversation_update("conv_1", &[("title".to_owned(), "my secret".to_owned())].into()).await.unwrap_err();
    let peer =
        Peer::playing(|_| peer::json(401, &json!({ "error": { "message": "Incorrect key: my secret**." } }))).await;
    client(&peer).model_check("m").await.unwrap_err();

    let logged = logs.text();
    assert_eq!(logged.matches("OpenAI rejected a request").count(), 4, "{logged}");
    assert!(!logged.contains("my secret") && !logged.contains("server_message"), "{logged}");
}
