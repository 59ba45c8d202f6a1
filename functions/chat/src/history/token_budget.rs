//! The budget of a request, in tokens: an estimate, because each model counts in its own way.

use shared::{domain::message::Role, store::LogEntry};

/// The tokens of a message beside those of its text.
const PER_MESSAGE: usize = 4;

/// The tokens of a sentence on a change of owner.
const PER_CHANGE: usize = 30;

/// The tokens that the log, and documents beside it, may take in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenBudget {
    whole: usize,
    left: usize,
}

impl TokenBudget {
    pub(crate) const fn new(tokens: usize) -> Self {
        Self { whole: tokens, left: tokens }
    }

    /// Half of the whole budget, for another try where the whole one was too much for the model.
    #[must_use]
    pub(crate) const fn halved(self) -> Self {
        Self::new(self.whole / 2)
    }

    /// This budget, or one of `tokens` where that is less.
    #[must_use]
    pub(crate) fn at_most(self, tokens: usize) -> Self {
        Self::new(self.whole.min(tokens))
    }

    /// Takes a text that goes along beside the log out of the budget, if that leaves at least a quarter to the log.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        match self.left.checked_sub(estimate_tokens(text)) {
            Some(left) if left >= self.whole / 4 => {
                self.left = left;
                true
            }
            _ => false,
        }
    }

    pub(super) const fn left(&self) -> usize {
        self.left
    }
}

/// An estimate that is rather too high than too low. Four ASCII letters are a token, as in English; digits and signs
/// are three quarters of one each; any other character is one of its own, and three outside the Basic Multilingual
/// Plane (emoji, rare ideographs).
pub(crate) fn estimate_tokens(text: &str) -> usize {
    let quarters = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b' ' | b'\n' => 1,
        0..0x80 => 3,
        // A byte that goes on with a character.
        0x80..0xC0 => 0,
        0xC0..0xF0 => 4,
        0xF0.. => 12,
    });
    quarters.sum::<usize>().div_ceil(4)
}

/// The estimate for an entry, and for the commentary that is replayed with it.
pub(super) fn tokens(entry: &LogEntry) -> usize {
    if entry.role == Role::System {
        return PER_CHANGE;
    }
    let commentary =
        entry.origin.as_ref().filter(|origin| origin.is_phased).map_or(&[][..], |origin| &origin.commentary);
    let texts = commentary.iter().chain([&entry.text]);
    texts.map(|text| estimate_tokens(text) + PER_MESSAGE).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_is_counted_below_what_models_count() {
        // The numbers are those of the tokenizer of GPT-4o and later (`o200k_base`).
        let counted = [
            ("Where is my parcel? It should have been here on Monday.", 13),
            ("order 4711-0815-9933, EUR 1,299.00, 2026-11-29T10:00:00Z", 33),
            ("我的包裹在哪里?它应该星期一就到了。", 13),
            ("私の荷物はどこですか。月曜日に届くはずでした。", 19),
            ("나의 소포는 어디에 있나요? 월요일에 도착했어야 합니다.", 20),
            ("Где моя посылка? Она должна была прийти в понедельник.", 17),
            ("أين طردي؟ كان من المفترض أن يصل يوم الاثنين.", 15),
            ("พัสดุของฉันอยู่ที่ไหน ควรจะมาถึงตั้งแต่วันจันทร์", 23),
            ("ამანათი სად არის?", 6),
            ("👩‍👩‍👧‍👦🎉🫠🪬🧿", 22),
        ];
        for (text, tokens) in counted {
            assert!(estimate_tokens(text) >= tokens, "{text}: {}", estimate_tokens(text));
        }
        assert_eq!(
            [estimate_tokens(""), estimate_tokens("a"), estimate_tokens("abcde"), estimate_tokens("é")],
            [0, 1, 2, 1]
        );
    }

    #[test]
    fn documents_leave_a_quarter_to_the_log() {
        let mut budget = TokenBudget::new(100);
        assert!(budget.take(&"x".repeat(200)));
        assert!(!budget.take(&"x".repeat(104)));
        assert!(budget.take(&"x".repeat(100)));
        assert_eq!((budget.left(), budget.halved().left()), (25, 50));
    }
}
