//! Commands of an installation.

use std::process::{Command, Stdio};

use crate::output::pass_on;

/// `true` if a command starts and exits with 0. Its standard output is discarded.
pub(super) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a command that has to succeed. The error is `complaint` with the command's last lines.
pub(super) fn run(command: &mut Command, complaint: &str) -> Result<(), String> {
    let lines = match pass_on(command, |_| ()) {
        Ok(ended) if ended.succeeded() => return Ok(()),
        Ok(ended) => ended.last_lines(),
        Err(error) => vec![error.to_string()],
    };
    Err(lines.iter().fold(complaint.to_owned(), |all, line| format!("{all}\n    | {line}")))
}
