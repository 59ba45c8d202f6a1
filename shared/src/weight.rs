//! The bytes of a page in a response, which Lambda bounds.

use std::io::{self, Write};

use serde::Serialize;

/// The most bytes of a page: Lambda refuses a response above 6,291,556. The rest is for what stands around the rows.
pub(crate) const MAX_PAGE_BYTES: usize = 4_000_000;

/// The bytes that a value takes in Lambda's response. The body is a JSON string there, so quotes and backslashes of its
/// own JSON count twice.
pub(crate) fn response_bytes(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // A value that cannot be written fails where the response is written.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// The number of leading rows that fit into one page: at least one, if there are any.
pub fn rows_that_fit(rows: &[impl Serialize]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&_| {
        bytes += response_bytes(row);
        bytes <= MAX_PAGE_BYTES
    };
    rows.iter().take_while(fits).count().max(1).min(rows.len())
}

/// Counts what is written to it.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() + bytes.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_counted_as_lambda_writes_them() {
        for text in ["plain", "\u{1}\u{1f}", "\"quoted\" \\ back", "é漢🙂", "\n\t"] {
            let body = serde_json::to_string(text).unwrap();
            let within_json = serde_json::to_string(&body).unwrap();
            // Without the quotes around the body.
            assert_eq!(response_bytes(&text), within_json.len() - 2, "{text:?}");
        }
    }

    #[test]
    fn a_page_ends_before_the_row_that_is_too_much_and_has_one_at_least() {
        let (half, whole) = ("x".repeat(MAX_PAGE_BYTES / 2 - 4), "\\".repeat(MAX_PAGE_BYTES));
        assert_eq!(rows_that_fit(&[&half, &half, &half]), 2);
        assert_eq!(rows_that_fit(&[&whole, &half]), 1);
        assert_eq!(rows_that_fit(&[""; 0]), 0);
    }
}
