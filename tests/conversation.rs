//! A customer and the bot, as both are meant.

use insta::assert_json_snapshot;

use crate::personas::{World, redacted};

#[tokio::test]
async fn a_question_is_answered_by_the_bot() {
    let world = World::start().await;
    let customer = world.customer();
    let thread = world.thread().await;
    let answer = customer.says(&thread, "Where is my parcel?").await.expect(200);
    redacted().bind(|| {
        assert_json_snapshot!(answer.body, @"");
    });
}
