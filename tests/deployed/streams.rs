//! The streaming routes as the template has them, which the emulator does not serve.
//!
//! `cargo xtask cloud` runs this on the last release, and has all others buffered. Where this fails, the emulator has
//! learned to stream: `Streams::Buffered` and `xtask/emulators/buffered.py` can go.

use reqwest::Method;
use serde_json::json;

use super::Cloud;
use tests::persona::Answer;

#[tokio::test]
async fn the_emulator_does_not_know_the_streaming_uri() {
    let cloud = Cloud::get();
    let thread = cloud.thread().await;
    let request = cloud.customer().request(Method::POST, &format!("/threads/{thread}/chat"));
    let refused = Answer::of_emulator(request.json(&json!({ "text": "Hello" }))).await;
    assert_eq!((refused.status, &refused.body["message"]), (500, &"Internal server error".into()));
    assert_eq!(cloud.customer().log(&thread).await.len(), 0);
}
