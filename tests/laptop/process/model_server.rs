//! A server of `/responses`, as there are many: it has the routes and the models that a test gives it.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A server that answers with its models; any other model is refused.
pub(super) struct ModelServer {
    /// Without a path: `http://127.0.0.1:1234`.
    pub(super) url: String,
    /// Method and path of each request.
    requests: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
pub(super) struct Setup {
    /// The path of the API.
    pub(super) base_path: &'static str,
    /// The models that it lists: ids, or objects with an id.
    pub(super) models: Value,
    /// The answer to `GET /models` instead of the list.
    pub(super) models_status: u16,
    pub(super) key: Option<&'static str>,
    /// Has `/conversations`, and says of a missing one only `{"detail": …}`.
    pub(super) conversations: bool,
    /// Accepts requests and never responds.
    pub(super) hangs: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            base_path: "/v1",
            models: json!(["gemma-3"]),
            models_status: 200,
            key: None,
            conversations: false,
            hangs: false,
        }
    }
}

impl Setup {
    pub(super) async fn start(self) -> ModelServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let router = Router::new().fallback(respond).with_state((self, Arc::clone(&requests)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        ModelServer { url, requests }
    }

    fn has_key(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
        self.key.is_none_or(|key| sent == Some(&format!("Bearer {key}")))
    }

    fn list(&self) -> Response {
        let object =
            |model: &Value| if model.is_string() { json!({ "id": model, "object": "model" }) } else { model.clone() };
        let data: Vec<Value> = self.models.as_array().unwrap().iter().map(object).collect();
        (StatusCode::from_u16(self.models_status).unwrap(), Json(json!({ "object": "list", "data": data })))
            .into_response()
    }

    fn respond(&self, request: &Value) -> Response {
        let has_model = self
            .models
            .as_array()
            .unwrap()
            .iter()
            .any(|model| request["model"] == *model || request["model"] == model["id"]);
        if !has_model {
            return refusal(404, "no such model");
        }
        let text = format!("This is {}.", request["model"].as_str().unwrap());
        let content = json!([{ "type": "output_text", "text": text, "annotations": [] }]);
        let message = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": content });
        Json(json!({ "id": "resp_1", "status": "completed", "output": [message] })).into_response()
    }
}

impl ModelServer {
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn respond(State((setup, requests)): State<(Setup, Arc<Mutex<Vec<String>>>)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    requests.lock().unwrap().push(format!("{} {}", head.method, head.uri.path()));
    if setup.hangs {
        return std::future::pending().await;
    }
    let Some(path) = head.uri.path().strip_prefix(setup.base_path) else { return refusal(404, "Not Found") };
    if !setup.has_key(&head.headers) {
        return refusal(401, "Invalid API key");
    }
    match (head.method, path) {
        (Method::GET, "/models") => setup.list(),
        (Method::POST, "/responses") => {
            let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            setup.respond(&serde_json::from_slice(&body).unwrap())
        }
        (Method::POST, "/conversations") if setup.conversations => Json(json!({ "id": "conv_1" })).into_response(),
        (Method::GET, "/conversations/conv_1/items") if setup.conversations => {
            Json(json!({ "data": [] })).into_response()
        }
        (Method::DELETE, "/conversations/conv_1") if setup.conversations => Json(json!({})).into_response(),
        _ => refusal(404, "Not Found"),
    }
}

fn refusal(status: u16, detail: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({ "detail": detail }))).into_response()
}
