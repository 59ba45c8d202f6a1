//! What nobody comes for: answers, waits, idle threads, leftovers.

mod answers;
mod endings;
mod leftovers;
mod many;
mod waits;

use std::time::Duration;

use local::Options;
use shared::domain::Timeouts;

use crate::{
    personas::World,
    stage::{Turned, brisk},
};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// A world whose functions' clock can be turned.
async fn world() -> (World, Turned) {
    world_with(Timeouts::default()).await
}

async fn world_with(timeouts: Timeouts) -> (World, Turned) {
    let turned = Turned::default();
    (World::with(Options { clock: turned.clock(), timeouts, ..brisk() }).await, turned)
}
