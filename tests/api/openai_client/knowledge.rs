//! Files and vector stores.

use serde_json::json;

use super::{
    client,
    peer::{self, Peer, status},
};

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
