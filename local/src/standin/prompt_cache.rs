//! The prompt cache: what OpenAI would bill as cached input.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{item::Item, tool::Tool};

/// A shorter prefix is not cached; a longer one in steps.
const MIN_TOKENS: usize = 1024;
const STEP_TOKENS: usize = 128;

/// The number of prefixes after which all are forgotten, so that memory stays small.
const MAX_PREFIXES: usize = 200_000;

/// The fingerprints of all prefixes of the prompts so far. OpenAI forgets them after minutes without use; this does
/// not.
#[derive(Default)]
pub(super) struct PromptCache {
    prefixes: HashSet<u64>,
    total: PromptTokens,
}

/// The input tokens of all requests so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptTokens {
    pub input: usize,
    /// The part of `input` that was cached.
    pub cached: usize,
}

/// The front of a prompt, before its items.
pub(super) struct Front<'a> {
    pub(super) cache_key: Option<&'a str>,
    pub(super) model: &'a str,
    pub(super) instructions: &'a str,
    pub(super) tools: &'a [Tool],
}

impl PromptCache {
    /// The tokens of a prompt. Its longest prefix of whole items that an earlier prompt with the same cache key had too
    /// is cached; its own prefixes are from now on.
    pub(super) fn read(&mut self, front: &Front<'_>, items: &[&Item]) -> PromptTokens {
        if self.prefixes.len() > MAX_PREFIXES {
            self.prefixes.clear();
        }
        let mut hasher = DefaultHasher::new();
        let tools = serde_json::to_string(front.tools).unwrap_or_default();
        (front.cache_key, front.model, front.instructions, &tools).hash(&mut hasher);
        let mut tokens = PromptTokens { input: (front.instructions.len() + tools.len()).div_ceil(4), cached: 0 };
        for item in [None].into_iter().chain(items.iter().map(Some)) {
            if let Some(item) = item {
                item.hash_prompt(&mut hasher);
                tokens.input += item.tokens();
            }
            if !self.prefixes.insert(hasher.finish()) {
                tokens.cached = tokens.input;
            }
        }
        tokens.cached = if tokens.cached < MIN_TOKENS { 0 } else { tokens.cached / STEP_TOKENS * STEP_TOKENS };
        self.total.input += tokens.input;
        self.total.cached += tokens.cached;
        tokens
    }

    pub(super) const fn total(&self) -> PromptTokens {
        self.total
    }
}
