//! `/v1/files` and `/v1/vector_stores`.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{Server, refusal, text, valid};

impl Server {
    async fn upload(&self, name: &str, content: &'static str, purpose: &'static str) -> (u16, Value) {
        let file = Part::text(content).file_name(name.to_owned());
        let form = Form::new().text("purpose", purpose).part("file", file);
        let answer = self.request("POST", "/v1/files").multipart(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_file_is_uploaded_read_and_deleted() {
    let server = Server::start().await;
    let file = valid("OpenAIFile", server.upload("hours.txt", "Open at nine.", "assistants").await);
    assert_eq!((&file["bytes"], &file["filename"]), (&json!(13), &json!("hours.txt")));
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    assert_eq!(valid("OpenAIFile", server.get(&path).await), file);
    valid("DeleteFileResponse", server.delete(&path).await);
    assert_eq!(refusal(&server.get(&path).await).0, 404);
    let refused = server.upload("a.txt", "x", "fun").await;
    assert_eq!(refusal(&refused), (400, Some("invalid_value")));
}

#[tokio::test]
async fn a_vector_store_holds_files_until_they_are_removed_or_deleted() {
    let server = Server::start().await;
    let (_, hours) = server.upload("hours.txt", "Open at nine.", "assistants").await;
    let (_, prices) = server.upload("prices.txt", "Delivery costs five.", "assistants").await;
    let created = json!({"name": "shop", "file_ids": [hours["id"]], "metadata": {"chatbot": "bot_1"}});
    let store = valid("VectorStoreObject", server.post("/v1/vector_stores", created).await);
    let path = format!("/v1/vector_stores/{}", store["id"].as_str().unwrap());
    let files = format!("{path}/files");
    valid("VectorStoreFileObject", server.post(&files, json!({"file_id": prices["id"]})).await);
    let unknown = server.post(&files, json!({"file_id": "file_none"})).await;
    assert_eq!(refusal(&unknown).0, 404);

    let listed = valid("ListVectorStoreFilesResponse", server.get(&files).await);
    assert_eq!(listed["first_id"], prices["id"]);
    assert_eq!(valid("VectorStoreObject", server.get(&path).await)["file_counts"]["completed"], 2);
    let one = format!("{files}/{}", prices["id"].as_str().unwrap());
    valid("VectorStoreFileObject", server.get(&one).await);
    valid("DeleteVectorStoreFileResponse", server.delete(&one).await);
    assert_eq!(refusal(&server.delete(&one).await).0, 404);
    assert_eq!(server.standin.counts().files, 2);

    server.delete(&format!("/v1/files/{}", hours["id"].as_str().unwrap())).await;
    let left = valid("VectorStoreObject", server.get(&path).await);
    assert_eq!(left["file_counts"]["total"], 0);
}

#[tokio::test]
async fn a_vector_store_is_renamed_listed_and_deleted() {
    let server = Server::start().await;
    let (_, store) = server.post("/v1/vector_stores", json!({"name": "old"})).await;
    let path = format!("/v1/vector_stores/{}", store["id"].as_str().unwrap());
    let renamed = valid("VectorStoreObject", server.post(&path, json!({"name": "new"})).await);
    assert_eq!(renamed["name"], "new");
    let list = valid("ListVectorStoresResponse", server.get("/v1/vector_stores").await);
    assert_eq!(list["data"], json!([renamed]));
    valid("DeleteVectorStoreResponse", server.delete(&path).await);
    assert_eq!(refusal(&server.get(&path).await).0, 404);
    valid("ListVectorStoresResponse", server.get("/v1/vector_stores").await);
}

#[tokio::test]
async fn an_answer_quotes_the_line_of_the_files_that_fits_best() {
    let server = Server::start().await;
    let content = "We open at nine.\nDelivery to Quito costs five dollars.";
    let (_, file) = server.upload("shop.txt", content, "assistants").await;
    let (_, store) = server.post("/v1/vector_stores", json!({"file_ids": [file["id"]]})).await;
    let tools = json!([{"type": "file_search", "vector_store_ids": [store["id"]]}]);
    let ask = json!({"input": "What does delivery cost to Quito?", "tools": tools});
    let response = valid("Response", server.respond(ask).await);
    assert!(text(&response).contains(r#"My files say: "Delivery to Quito costs five dollars." (shop.txt)."#));
    let nowhere = json!([{"type": "file_search", "vector_store_ids": ["vs_none"]}]);
    assert_eq!(refusal(&server.respond(json!({"input": "x", "tools": nowhere})).await).0, 404);
}
