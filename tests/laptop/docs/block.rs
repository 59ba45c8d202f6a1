//! Code blocks of a Markdown file.

/// A fenced code block.
pub(super) struct Block {
    file: String,
    /// The line of its opening fence, from 1.
    line: usize,
    pub(super) language: String,
    pub(super) mark: Option<Mark>,
    pub(super) code: String,
}

/// The words after a block's language.
pub(super) enum Mark {
    /// The reason why nothing can run it.
    NotRun(String),
    /// The name of the test that runs it.
    TestedBy(String),
    Unknown(String),
}

impl Block {
    /// All blocks of a file, whose text is given.
    pub(super) fn all(file: &str, text: &str) -> Vec<Self> {
        let (mut blocks, mut open): (Vec<Self>, Option<Self>) = (Vec::new(), None);
        for (number, line) in (1..).zip(text.lines()) {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(information), None) => {
                    let (language, mark) = information.split_once(' ').unwrap_or((information, ""));
                    let (language, mark) = (language.to_owned(), Mark::parse(mark.trim()));
                    open = Some(Self { file: file.to_owned(), line: number, language, mark, code: String::new() });
                }
                (Some(_), Some(block)) => blocks.push(block),
                (None, Some(mut block)) => {
                    block.code += line;
                    block.code += "\n";
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{file}: the last block does not end");
        blocks
    }

    /// The file and the line, as editors take them.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// The lines of the code, each with its place.
    pub(super) fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        (self.line + 1..).zip(self.code.lines()).map(|(line, text)| (format!("{}:{line}", self.file), text))
    }
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| text.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"').map(str::to_owned);
        if text.is_empty() {
            return None;
        }
        let mark = value("not-run").map(Self::NotRun).or_else(|| value("tested-by").map(Self::TestedBy));
        Some(mark.unwrap_or_else(|| Self::Unknown(text.to_owned())))
    }
}
