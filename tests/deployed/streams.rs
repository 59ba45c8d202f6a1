//! The streaming routes as the template has them, which the emulator does not serve.
//!
//! `cargo xtask cloud` runs this on the last release, and has all others buffered. Where this fails, the emulator has
//! learned to stream: `Streams::Buffered` and `xtask/emulators/buffered.py` can go.

use super::Cloud;

#[tokio::test]
async fn the_emulator_does_not_know_the_streaming_uri() {
    let cloud = Cloud::get();
    let thread = cloud.thread().await;
    let refused = cloud.customer().says(&thread, "Hello").await;
    assert_eq!((refused.status, &refused.body["message"]), (500, &"Internal server error".into()));
    assert_eq!(cloud.customer().log(&thread).await.len(), 0);
}
