//! The names in the emulator: regions, buckets, and the stack.

/// The region of the stack, and the one of a second stack.
pub(super) const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];

/// The name of every stack: two regions may have stacks of one name.
pub(super) const STACK: &str = "switchboard";

/// The bucket for the functions' code in a region.
pub(super) fn artifacts(region: &str) -> String {
    format!("artifacts-{region}")
}
