//! Token counts, as the model's server bills them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The tokens of one answer, or of all answers of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    pub input: u64,
    /// Input tokens that came from the prompt cache; part of `input`.
    pub cached: u64,
    pub output: u64,
    /// Output tokens of the model's reasoning; part of `output`.
    pub reasoning: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cached = self.cached.saturating_add(other.cached);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}
