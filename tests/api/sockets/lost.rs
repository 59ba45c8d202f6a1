//! Sockets that are lost again and again.

use local::Options;

use tests::{
    churn::{Churn, churn},
    stage::Stage,
};

/// `cargo xtask bench churn` loses ten times as many.
#[tokio::test]
async fn clients_that_lose_their_sockets_a_thousand_times_end_with_the_log() {
    let stage = Stage::with(Options::default()).await;
    let wanted = Churn { threads: 6, clients: 60, disconnects: 1_000, seed: 7 };
    let outcome = churn(&stage.board, wanted).await;
    assert!(outcome.disconnects >= 1_000 && outcome.messages > 0, "{outcome:?}");
}
