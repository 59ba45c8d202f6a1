//! `/v1/models`.

use super::{Server, refusal, valid};

#[tokio::test]
async fn models_are_listed_and_any_gpt_exists() {
    let server = Server::start().await;
    let list = valid("ListModelsResponse", server.get("/v1/models").await);
    assert_eq!(list["data"][0]["id"], "gpt-standin");
    let model = valid("Model", server.get("/v1/models/gpt-of-tomorrow").await);
    assert_eq!(model["id"], "gpt-of-tomorrow");
    let unknown = server.get("/v1/models/llama").await;
    assert_eq!(refusal(&unknown), (404, Some("model_not_found")));
}
