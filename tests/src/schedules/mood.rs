//! The mood of the simulated model: which of its responses fail after they have begun, and whether it says something
//! before it hands over. Drawn from a seed of its own, so that it moves no other draw of a story.

use std::collections::VecDeque;

use fastrand::Rng;
use local::standin::Failure;
use serde_json::Value;

/// Distinguishes the draws of the mood from all others of the same seed.
const SALT: u64 = 0x6d6f_6f64;

/// The words before an escalation.
pub const WORDS: &str = "I will get a colleague for you.";

pub(super) struct Mood {
    rng: Rng,
    /// Responses of a thousand that fail.
    failing: u32,
    failures_left: u32,
    /// Hand-overs of a hundred that begin with words.
    talkative: u32,
    /// The behaviour of the next responses, before any draw.
    ordered: VecDeque<Failure>,
}

impl Mood {
    /// A model that answers each request, and hands over without a word.
    pub(super) fn calm() -> Self {
        Self { rng: Rng::with_seed(0), failing: 0, failures_left: 0, talkative: 0, ordered: VecDeque::new() }
    }

    /// In one story of two no response fails.
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ SALT);
        let failing = *rng.choice(&[0, 0, 300, 700]).expect("one of four");
        let failures_left = rng.u32(1..=4);
        Self { rng, failing, failures_left, talkative: 75, ordered: VecDeque::new() }
    }

    /// Decides on the response that follows those decided on so far.
    pub(super) fn order(&mut self, failure: Failure) {
        self.ordered.push_back(failure);
    }

    /// The peculiarity of the response to this input, if it has one.
    pub(super) fn next(&mut self, input: &Value) -> Option<Failure> {
        if let Some(failure) = self.ordered.pop_front() {
            return Some(failure);
        }
        if self.failures_left > 0 && self.rng.u32(..1000) < self.failing {
            self.failures_left -= 1;
            return Some(self.failure());
        }
        let asked = input.as_array().and_then(|items| items.iter().rfind(|item| item["role"] == "user"));
        let asks_for_person = asked.is_some_and(|asked| asked.to_string().contains("person"));
        (asks_for_person && self.rng.u32(..100) < self.talkative).then(|| Failure::Words { text: WORDS.to_owned() })
    }

    /// A failure that passes, but for one of ten.
    fn failure(&mut self) -> Failure {
        let after = self.rng.usize(..8);
        match self.rng.u32(..10) {
            0..5 => Failure::Cut { after, landed: self.rng.bool(), clean: self.rng.bool() },
            5..7 => Failure::Failed { after, code: "server_error".to_owned() },
            7..9 => Failure::Error { after, flat: self.rng.bool(), code: "rate_limit_exceeded".to_owned() },
            _ => Failure::Failed { after, code: "project_spend_limit_exceeded".to_owned() },
        }
    }
}

/// True if a response with this failure may be asked for again.
pub(super) fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Cut { .. } => true,
        Failure::Failed { code, .. } | Failure::Error { code, .. } => code != "project_spend_limit_exceeded",
        _ => false,
    }
}
