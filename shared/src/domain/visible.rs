//! Visible characters: a text without one is shown as nothing, so it counts as empty.

use std::ops::RangeInclusive;

use crate::Error;

/// Characters that are shown as nothing, besides white space and controls: those with the property
/// `Default_Ignorable_Code_Point` of Unicode 17.0 (`DerivedCoreProperties.txt`; among them soft hyphens, joiners, marks
/// of direction, Hangul fillers, variation selectors and tags), the marks of annotations, and the empty Braille
/// pattern.
const INVISIBLE: [RangeInclusive<char>; 19] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fff8}',
    '\u{fff9}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// True if the text has a visible character.
pub fn is_visible(text: &str) -> bool {
    let is_invisible = |char: char| {
        char.is_whitespace() || char.is_control() || INVISIBLE.iter().any(|invisible| invisible.contains(&char))
    };
    !text.chars().all(is_invisible)
}

/// Refuses a text without a visible character.
pub fn require_visible(field: &str, text: &str) -> Result<(), Error> {
    if is_visible(text) {
        return Ok(());
    }
    let is_empty = text.trim().is_empty();
    Err(Error::invalid(field, if is_empty { "must not be empty" } else { "must have a visible character" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_visible_if_one_character_is() {
        let invisible = [
            "",
            " \t\n",
            "\u{0}\u{1}\u{7f}\u{9f}",
            "\u{a0}\u{2003}\u{3000}",
            "\u{200b}",
            "\u{2060}\u{feff}",
            "\u{3164}",
            "\u{115f}\u{ffa0}",
            "\u{fe0f}",
            "\u{ad}",
            "\u{34f}",
            "\u{202e}",
            "\u{2066}",
            "\u{2800}",
            "\u{e0041}",
            "\u{e0100}",
            "\u{1d173}",
            "\u{180e}",
        ];
        for text in invisible {
            assert!(!is_visible(text), "{text:?}");
            assert!(is_visible(&format!("{text}.{text}")), "{text:?}");
        }
        for text in ["a", "0", "é", "\u{301}", "漢", "ᄒ", "👩\u{200d}👧", "❤\u{fe0f}", "\u{fffd}", "\u{e000}"]
        {
            assert!(is_visible(text), "{text:?}");
        }
    }
}
