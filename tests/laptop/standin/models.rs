//! `/v1/models`.

use serde_json::{Value, json};

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

#[tokio::test]
async fn a_model_ends_on_the_day_that_it_is_given() {
    let server = Server::start().await;
    for (date, said) in [(json!("2027-01-14"), json!("2027-01-14")), (Value::Null, Value::Null)] {
        let set = server.post("/standin/models/gpt-standin", json!({ "shutdown_date": date })).await;
        assert_eq!(set.0, 204);
        assert_eq!(valid("Model", server.get("/v1/models/gpt-standin").await)["shutdown_date"], said);
        let list = valid("ListModelsResponse", server.get("/v1/models").await);
        assert_eq!([&list["data"][0]["shutdown_date"], &list["data"][1]["shutdown_date"]], [&said, &Value::Null]);
    }
}
