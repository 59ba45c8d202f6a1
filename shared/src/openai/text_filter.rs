//! A filter for the text of a message: takes out the thinking and the citation marks, also where deltas cut them.

/// Opens and closes the thinking of a local model.
const THINKING: [&str; 2] = ["<think>", "</think>"];

/// The character that opens a citation mark of OpenAI, the one that closes it, and all that stand inside.
const MARK_OPEN: char = '\u{e200}';
const MARK_CLOSE: char = '\u{e201}';
const MARK_CHARS: std::ops::RangeInclusive<char> = '\u{e200}'..='\u{e206}';

/// The longest citation mark, in characters. Anything longer is text.
const MAX_MARK_CHARS: usize = 200;

/// A space before one of these goes away with the mark between them.
const PUNCTUATION: &str = ".,;:!?)]}…。，、；：！？）」』】»”’";

/// Reads a message character by character, so that the pieces in which it arrives make no difference.
///
/// - `<think>…</think>` is taken out; the rest of the text too if it is never closed. A `</think>` that nothing opened
///   was opened by the model's template: all text before it is thinking. A tag between backticks is text.
/// - Marks are taken out: U+E200 … U+E201, and `【4:0†name】`. So is a space that they would leave before punctuation, at
///   the end, or beside another space.
#[derive(Default)]
pub(super) struct TextFilter {
    /// The text without thinking and marks.
    shown: String,
    /// The names of files in marks.
    cited: Vec<String>,
    state: State,
    /// The last piece made void what was shown before it.
    is_restarted: bool,
    /// The character before an opening `<`.
    before_tag: Option<char>,
    /// The whitespace that follows `shown`. It is shown once a character follows that is neither a space nor a mark.
    gap: Gap,
}

#[derive(Default)]
enum State {
    #[default]
    Text,
    /// The beginning of a tag, or a whole tag after a backtick.
    Tag(String),
    /// The count of characters of `</think>` that were read.
    Thinking(usize),
    /// A mark from its [`MARK_OPEN`], which is left out, as are its other private characters.
    Mark { text: String, chars: usize },
    /// A mark from its `【`.
    Bracket { text: String, chars: usize },
}

/// Whitespace, and the marks in it.
#[derive(Default)]
struct Gap {
    before_mark: String,
    after_mark: String,
    is_marked: bool,
}

impl TextFilter {
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn cited(&self) -> &[String] {
        &self.cited
    }

    /// Reads the next piece of the message, and returns the text that it adds. `None` if all text before it turned out
    /// to be thinking: [`TextFilter::shown`] has begun anew.
    pub(super) fn push(&mut self, piece: &str) -> Option<&str> {
        self.is_restarted = false;
        let shown_bytes = self.shown.len();
        let mut rest = piece;
        while let Some(next) = rest.chars().next() {
            let bytes = self.show_plain(rest);
            if bytes == 0 {
                self.read(next);
            }
            rest = &rest[bytes.max(next.len_utf8())..];
        }
        (!self.is_restarted).then(|| &self.shown[shown_bytes..])
    }

    /// Ends the message. A mark that stops short is no text.
    pub(super) fn finish(&mut self) {
        match std::mem::take(&mut self.state) {
            State::Tag(tag) if THINKING.contains(&tag.as_str()) => self.tag(&tag),
            State::Tag(text) => self.show_all(&text),
            State::Bracket { text, .. } if !text.contains('†') => self.show_all(&text),
            State::Mark { .. } | State::Bracket { .. } => self.gap.mark(),
            State::Text | State::Thinking(_) => {}
        }
        let gap = std::mem::take(&mut self.gap);
        if !gap.is_marked {
            self.shown.push_str(&gap.before_mark);
        }
    }

    /// Shows what of `text` stands before its first space, tag or mark, in one go. Returns its bytes, zero where each
    /// character has to be read by itself.
    fn show_plain(&mut self, text: &str) -> usize {
        if !(matches!(self.state, State::Text) && self.gap.is_empty()) {
            return 0;
        }
        let begins_more = |next: char| next.is_whitespace() || "<【".contains(next) || MARK_CHARS.contains(&next);
        let plain = text.find(begins_more).unwrap_or(text.len());
        self.shown.push_str(&text[..plain]);
        plain
    }

    fn read(&mut self, next: char) {
        match std::mem::take(&mut self.state) {
            State::Text => self.read_text(next),
            State::Tag(tag) => self.read_tag(tag, next),
            State::Thinking(matched) => self.read_thinking(matched, next),
            State::Mark { text, chars } => self.read_mark(text, chars, next),
            State::Bracket { text, chars } => self.read_bracket(text, chars, next),
        }
    }

    fn read_text(&mut self, next: char) {
        match next {
            '<' => {
                self.before_tag = if self.gap.is_empty() { self.shown.chars().next_back() } else { None };
                self.state = State::Tag(next.into());
            }
            MARK_OPEN => self.state = State::Mark { text: String::new(), chars: 0 },
            '【' => self.state = State::Bracket { text: next.into(), chars: 1 },
            next if MARK_CHARS.contains(&next) => {}
            next => self.show(next),
        }
    }

    fn read_tag(&mut self, mut tag: String, next: char) {
        if THINKING.contains(&tag.as_str()) {
            // It is after a backtick, else it would have been read at its `>`.
            if next == '`' {
                self.show_all(&tag);
            } else {
                self.tag(&tag);
            }
            return self.read(next);
        }
        tag.push(next);
        if THINKING.contains(&tag.as_str()) && self.before_tag != Some('`') {
            self.tag(&tag);
        } else if THINKING.iter().any(|known| known.starts_with(&tag)) {
            self.state = State::Tag(tag);
        } else {
            tag.pop();
            self.show_all(&tag);
            self.read(next);
        }
    }

    fn tag(&mut self, tag: &str) {
        if tag == THINKING[0] {
            self.state = State::Thinking(0);
        } else {
            self.is_restarted = true;
            self.shown.clear();
            self.cited.clear();
        }
        if self.shown.is_empty() {
            self.gap = Gap::skipped();
        }
    }

    fn read_thinking(&mut self, matched: usize, next: char) {
        let end = THINKING[1];
        let matched = if end[matched..].starts_with(next) { matched + 1 } else { usize::from(next == '<') };
        if matched < end.len() {
            self.state = State::Thinking(matched);
        }
    }

    fn read_mark(&mut self, mut text: String, chars: usize, next: char) {
        match next {
            MARK_CLOSE => return self.gap.mark(),
            MARK_OPEN => {
                self.show_all(&text);
                return self.read(next);
            }
            next if MARK_CHARS.contains(&next) => {}
            next => text.push(next),
        }
        if chars < MAX_MARK_CHARS {
            self.state = State::Mark { text, chars: chars + 1 };
        } else {
            self.show_all(&text);
        }
    }

    fn read_bracket(&mut self, mut text: String, chars: usize, next: char) {
        text.push(next);
        let inside = &text['【'.len_utf8()..];
        if let Some(mark) = inside.strip_suffix('】')
            && let Some((_, names)) = mark.split_once('†')
        {
            let name = names.split('†').next().unwrap_or_default().trim();
            // OpenAI's placeholder for a name.
            if !name.is_empty() && name != "source" {
                self.cited.push(name.to_owned());
            }
            self.gap.mark();
        } else if begins_mark(inside) && chars < MAX_MARK_CHARS {
            self.state = State::Bracket { text, chars: chars + 1 };
        } else {
            text.pop();
            self.show_all(&text);
            self.read(next);
        }
    }

    /// Shows characters that turned out to be text. None of them opens anything.
    fn show_all(&mut self, text: &str) {
        for next in text.chars() {
            self.show(next);
        }
    }

    fn show(&mut self, next: char) {
        if next.is_whitespace() {
            return self.gap.push(next);
        }
        let gap = std::mem::take(&mut self.gap);
        let is_dropped = gap.is_marked && (self.shown.is_empty() || PUNCTUATION.contains(next));
        if !is_dropped {
            self.shown.push_str(gap.text());
        }
        self.shown.push(next);
    }
}

impl Gap {
    /// The gap after thinking at the beginning of a message: nothing of it is shown.
    fn skipped() -> Self {
        Self { is_marked: true, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.before_mark.is_empty() && !self.is_marked
    }

    fn push(&mut self, space: char) {
        if self.is_marked { &mut self.after_mark } else { &mut self.before_mark }.push(space);
    }

    fn mark(&mut self) {
        self.before_mark = self.text().to_owned();
        self.after_mark.clear();
        self.is_marked = true;
    }

    /// The whitespace on one side of the mark, rather that with a line break.
    fn text(&self) -> &str {
        let is_before =
            self.after_mark.is_empty() || self.before_mark.contains('\n') && !self.after_mark.contains('\n');
        if is_before { &self.before_mark } else { &self.after_mark }
    }
}

/// True for the beginning of `4:0†name`.
fn begins_mark(text: &str) -> bool {
    let (numbers, name) = text.split_once('†').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = |digits: &str| !digits.is_empty() && is_number(digits);
    let is_numbered = match numbers.split_once(':') {
        Some((file, chunk)) => is_whole(file) && is_number(chunk) && (!chunk.is_empty() || numbers.len() == text.len()),
        None => is_number(numbers) && numbers.len() == text.len(),
    };
    is_numbered && !name.contains(['\n', '【', '】'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text, and what is shown of it.
    const CASES: &[(&str, &str)] = &[
        ("It ships Monday.", "It ships Monday."),
        ("  two  spaces \n\n stay ", "  two  spaces \n\n stay "),
        ("", ""),
        ("It ships Monday. \u{e200}filecite\u{e202}turn0file0\u{e201}", "It ships Monday."),
        ("It ships Monday \u{e200}cite\u{e202}turn0search1\u{e202}turn0news2\u{e201}.", "It ships Monday."),
        ("It ships \u{e200}filecite\u{e202}a\u{e201} on Monday", "It ships on Monday"),
        ("It ships\u{e200}filecite\u{e202}a\u{e201} on Monday", "It ships on Monday"),
        ("It ships \u{e200}filecite\u{e202}a\u{e201}on Monday", "It ships on Monday"),
        ("One. \u{e200}cite\u{e202}a\u{e201} \u{e200}cite\u{e202}b\u{e201} Two.", "One. Two."),
        ("One. \u{e200}cite\u{e202}a\u{e201}\n\nTwo.", "One.\n\nTwo."),
        ("One.\n\n\u{e200}cite\u{e202}a\u{e201} Two.", "One.\n\nTwo."),
        ("One. \u{e200}cite\u{e202}a\u{e201} \n", "One."),
        ("\u{e200}cite\u{e202}a\u{e201} One.", "One."),
        ("One. \u{e200}cite\u{e202}never clo", "One."),
        ("One \u{e200}lost \u{e200}cite\u{e202}a\u{e201}.", "One lost."),
        ("stray \u{e201}\u{e202}ones", "stray ones"),
        ("It ships Monday【4:0†shipping.md】.", "It ships Monday."),
        ("It ships Monday 【4:0†shipping.md】【14:12†prices.md†L1-L2】.", "It ships Monday."),
        ("It ships Monday. 【4:0†ship", "It ships Monday."),
        (
            "【Note】 It 【4:0】 ships 【4】 【:0†a】 【a:0†b】 【",
            "【Note】 It 【4:0】 ships 【4】 【:0†a】 【a:0†b】 【",
        ),
        ("【4†a】 【4:†a】 【4:0†a\nb】", "【4†a】 【4:†a】 【4:0†a\nb】"),
        ("【【4:0†a】4:0", "【4:0"),
        ("<think>She asks for a date.</think>\n\nIt ships Monday.", "It ships Monday."),
        ("\n <think>\n\n</think>\n\nIt ships Monday.", "It ships Monday."),
        ("She asks for a date.\n</think>\n\nIt ships Monday.", "It ships Monday."),
        ("</think>It ships Monday.", "It ships Monday."),
        ("<think>one</think><think>two</think> It ships.", "It ships."),
        ("<think>a < b <</think>It ships.", "It ships."),
        ("<think>She asks for", ""),
        ("It <think>hm</think>ships.", "It ships."),
        ("It ships. <think>Did I", "It ships. "),
        ("<think>`</think>It ships.", "It ships."),
        ("The tags `<think>` and `</think>` are text.", "The tags `<think>` and `</think>` are text."),
        ("Ends in `<think>", "Ends in `"),
        ("1 < 2, <b>, </thin>, <thinking> and <", "1 < 2, <b>, </thin>, <thinking> and <"),
        ("<<think>a</think>b", "<b"),
        ("\u{e200}cite\u{e202}</think>\u{e201}It ships.", "It ships."),
    ];

    fn shown<'a>(pieces: impl IntoIterator<Item = &'a str>) -> (String, Vec<String>) {
        let mut filter = TextFilter::default();
        for piece in pieces {
            filter.push(piece);
        }
        filter.finish();
        (filter.shown, filter.cited)
    }

    #[test]
    fn thinking_and_marks_are_taken_out() {
        for (text, expected) in CASES {
            assert_eq!(shown([*text]).0, *expected, "{text:?}");
        }
    }

    #[test]
    fn the_pieces_make_no_difference() {
        for (text, _) in CASES {
            let whole = shown([*text]);
            let cuts: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            for first in &cuts {
                for second in cuts.iter().filter(|second| *second >= first) {
                    let pieces = [&text[..*first], &text[*first..*second], &text[*second..]];
                    assert_eq!(shown(pieces), whole, "{pieces:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_that_was_shown_is_taken_back_but_for_thinking_that_nothing_opened() {
        for (text, _) in CASES.iter().filter(|(text, _)| !text.contains("</think>")) {
            let mut filter = TextFilter::default();
            let mut before = String::new();
            for next in text.chars() {
                filter.push(next.encode_utf8(&mut [0; 4]));
                assert!(filter.shown.starts_with(&before), "{text:?}: {before:?}, then {:?}", filter.shown);
                before.clone_from(&filter.shown);
            }
        }
    }

    #[test]
    fn a_mark_that_is_never_closed_is_text_in_the_end() {
        let long = "x".repeat(1_000);
        assert_eq!(shown([&*format!("【4:0†{long}")]).0, format!("【4:0†{long}"));
        assert_eq!(shown([&*format!("\u{e200}cite\u{e202}{long}")]).0, format!("cite{long}"));
    }

    #[test]
    fn the_names_in_marks_are_kept() {
        let (_, cited) = shown(["One【4:0†a.md】【4:1†source】【4:2†b c.md†L1】, not 【c.md】."]);
        assert_eq!(cited, ["a.md", "b c.md"]);
    }
}
