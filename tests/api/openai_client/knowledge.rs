//! Models, files and vector stores.

use serde_json::json;
use shared::openai::{Failure, ModelCheck};

use super::{
    client,
    peer::{self, Peer, refusal, status},
};

#[tokio::test]
async fn a_model_is_known_unknown_or_not_spoken_of() {
    for (answer, check) in [
        (peer::json(200, &json!({ "id": "some-model", "object": "model" })), ModelCheck::Known),
        (refusal(404, "model_not_found", "The model 'm' does not exist."), ModelCheck::Unknown),
        (peer::json(404, &json!({ "error": { "message": "model 'm' not found", "code": null } })), ModelCheck::Unknown),
        (peer::text(404, "text/plain", "404 page not found"), ModelCheck::Undetermined),
        (peer::json(404, &json!({ "detail": "Not Found" })), ModelCheck::Undetermined),
        (peer::json(404, &json!({ "error": { "message": "File Not Found", "code": 404 } })), ModelCheck::Undetermined),
        (
            peer::json(404, &json!({ "error": { "message": "Invalid URL (GET /v1/models/m)", "code": null } })),
            ModelCheck::Undetermined,
        ),
        (status(405), ModelCheck::Undetermined),
        (peer::text(200, "text/html", "<h1>Welcome</h1>"), ModelCheck::Undetermined),
    ] {
        let peer = Peer::saying([answer]).await;
        assert_eq!(client(&peer).model_check("org/m:free").await, Ok(check));
        assert_eq!(peer.lines(), ["GET /v1/models/org%2Fm:free"]);
    }
}

#[tokio::test]
async fn a_wrong_key_says_nothing_about_a_model() {
    let peer = Peer::saying([refusal(401, "invalid_api_key", "Incorrect API key provided.")]).await;
    let failure = client(&peer).model_check("m").await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { status: 401, .. }));
}

#[tokio::test]
async fn a_document_is_uploaded_for_searching() {
    let peer = Peer::saying([status(503), peer::json(200, &json!({ "id": "file_1", "object": "file" }))]).await;

    let id = client(&peer).file_create("Opening hours", "Open from 9 to 5: grüß Gott.").await.unwrap();

    assert_eq!(id, "file_1");
    for request in peer.seen() {
        assert_eq!(request.line, "POST /v1/files");
        assert!(request.headers["content-type"].to_str().unwrap().starts_with("multipart/form-data; boundary="));
        let form = String::from_utf8(request.body.to_vec()).unwrap();
        assert!(form.contains("name=\"purpose\"\r\n\r\nassistants\r\n"), "{form}");
        assert!(form.contains("name=\"file\"; filename=\"Opening hours.txt\""), "{form}");
        assert!(form.contains("\r\n\r\nOpen from 9 to 5: grüß Gott.\r\n"), "{form}");
    }
}

#[tokio::test]
async fn a_name_with_a_fitting_extension_keeps_it() {
    let peer = Peer::playing(|_| peer::json(200, &json!({ "id": "file_1" }))).await;
    for (name, sent) in [("faq.md", "faq.md"), ("v1.2", "v1.2.txt"), ("faq.TXT", "faq.TXT")] {
        client(&peer).file_create(name, "…").await.unwrap();
        let form = String::from_utf8(peer.seen().last().unwrap().body.to_vec()).unwrap();
        assert!(form.contains(&format!("filename=\"{sent}\"")), "{form}");
    }
}

#[tokio::test]
async fn a_vector_store_is_made_of_files() {
    let peer = Peer::saying([peer::json(200, &json!({ "id": "vs_1", "object": "vector_store" }))]).await;

    let id = client(&peer).vector_store_create("bot_1", &["file_1".to_owned()]).await.unwrap();

    assert_eq!(id, "vs_1");
    let request = &peer.seen()[0];
    assert_eq!(request.line, "POST /v1/vector_stores");
    assert_eq!(request.json(), json!({ "name": "bot_1", "file_ids": ["file_1"] }));
}
