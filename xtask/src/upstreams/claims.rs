//! The table in `docs/models.md`: what it claims of each server, and the same table as it was found.

use std::{fmt, fs};

/// The page that holds the table.
const PAGE: &str = "docs/models.md";
/// The table's columns after the server's name.
pub(super) const COLUMNS: [&str; 6] = ["answers", "streams", "escalates", "function", "after a person", "restart"];

/// The word in a cell of the table; the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    No,
    /// A request with tools is accepted, but the model does not call any.
    Accepted,
    Yes,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::No, Self::Accepted, Self::Yes];

    fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Accepted => "accepted, not called",
            Self::Yes => "yes",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// A server's row: a verdict for each of [`COLUMNS`].
pub(super) type Verdicts = [Verdict; COLUMNS.len()];

/// The claims of the page about one server.
pub(super) fn claimed(server: &str) -> Result<Verdicts, String> {
    let page = fs::read_to_string(PAGE).map_err(|error| format!("{PAGE}: {error}"))?;
    find(&page, server).ok_or_else(|| format!("{PAGE} has no row of verdicts for {server}:\n{}", header()))
}

fn find(page: &str, server: &str) -> Option<Verdicts> {
    let rows = page.lines().skip_while(|line| *line != header()).take_while(|line| line.starts_with('|'));
    rows.map(cells).find(|cells| cells[0] == server).and_then(|cells| {
        let verdict = |cell: &&str| Verdict::ALL.into_iter().find(|verdict| verdict.word() == *cell);
        cells[1..].iter().map(verdict).collect::<Option<Vec<_>>>()?.try_into().ok()
    })
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The table's first line.
pub(super) fn header() -> String {
    format!("| server | {} |", COLUMNS.join(" | "))
}

/// A row of the table.
pub(super) fn row(server: &str, verdicts: Verdicts) -> String {
    verdicts.iter().fold(format!("| {server} |"), |row, verdict| format!("{row} {verdict} |"))
}

#[cfg(test)]
mod tests {
    use super::{Verdict::*, find, header, row};

    #[test]
    fn a_row_is_read_as_it_is_written() {
        let verdicts = [Yes, No, Yes, Accepted, Yes, No];
        let page = format!(
            "| Ollama | 0.12 |\n\n{}\n|---|---|---|---|---|---|---|\n{}\n\n| vLLM | yes |\n",
            header(),
            row("Ollama", verdicts)
        );
        assert_eq!(find(&page, "Ollama"), Some(verdicts));
        assert_eq!(find(&page, "vLLM"), None);
        assert_eq!(find(&page.replace("| yes |", "| perhaps |"), "Ollama"), None);
    }

    #[test]
    fn a_verdict_is_worse_than_the_next() {
        assert!(No < Accepted && Accepted < Yes);
    }
}
