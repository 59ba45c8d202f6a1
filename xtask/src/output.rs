//! The output of a command: passed on line by line, its last lines kept for the summary.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, PipeReader},
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// The number of lines that are kept.
const MAX_LAST_LINES: usize = 20;
/// The longest silence after which it is checked whether the command has ended.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    /// The signal that ended a program which the command started, by the command's own report.
    reported_signal: Option<i32>,
    last_lines: VecDeque<String>,
}

impl Ended {
    pub(crate) fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// The signal that ended the command, or a program that it started.
    pub(crate) fn signal(&self) -> Option<String> {
        let signal = self.status.signal().or(self.reported_signal).filter(|_| !self.succeeded())?;
        let guess = if signal == 9 { "; out of memory?" } else { "" };
        Some(format!("killed by {}{guess}", ExitStatus::from_raw(signal).to_string().replacen(": ", " ", 1)))
    }

    pub(crate) fn last_lines(self) -> Vec<String> {
        self.last_lines.into()
    }
}

/// Runs a command whose output goes to ours, and hands each line of it to `on_line` as well.
///
/// Both of its streams share one pipe, so their order is kept and neither can fill up while the other is read. The pipe
/// stays open for as long as any process holds it: after the command's own end, the first silence ends the reading.
pub(crate) fn pass_on(command: &mut Command, mut on_line: impl FnMut(&str)) -> io::Result<Ended> {
    let (reader, writer) = io::pipe()?;
    let child = command.stdout(writer.try_clone()?).stderr(writer).spawn();
    // The command owns its ends of the pipe until they are replaced.
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let mut child = child?;

    let lines = lines_of(reader);
    let (mut last_lines, mut reported_signal) = (VecDeque::new(), None);
    let status = loop {
        match lines.recv_timeout(CHECK_INTERVAL) {
            Ok(line) => {
                println!("{line}");
                on_line(&line);
                reported_signal = signal_in(&line).or(reported_signal);
                last_lines.push_back(line);
                if last_lines.len() > MAX_LAST_LINES {
                    last_lines.pop_front();
                }
            }
            Err(RecvTimeoutError::Disconnected) => break child.wait()?,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    break status;
                }
            }
        }
    };
    Ok(Ended { status, reported_signal, last_lines })
}

/// The lines that come through a pipe. Bytes that are not UTF-8 are replaced.
fn lines_of(pipe: PipeReader) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// The signal's number in a line such as cargo's `(signal: 9, SIGKILL: kill)` or gcc's `ld terminated with signal 9`.
fn signal_in(line: &str) -> Option<i32> {
    let (_, rest) = line.split_once("signal: ").or_else(|| line.split_once("terminated with signal "))?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Ended, pass_on, signal_in};
    use std::{
        process::Command,
        time::{Duration, Instant},
    };

    fn run(script: &str) -> (Ended, Vec<String>) {
        let mut lines = Vec::new();
        let ended = pass_on(Command::new("sh").args(["-c", script]), |line| lines.push(line.to_owned())).unwrap();
        (ended, lines)
    }

    #[test]
    fn both_streams_are_passed_on_in_their_order() {
        let (ended, lines) = run("echo one; echo two >&2; echo three; printf four");
        assert_eq!(lines, ["one", "two", "three", "four"]);
        assert!(ended.succeeded());
    }

    #[test]
    fn the_last_lines_of_a_long_output_are_kept() {
        let (ended, lines) = run("seq 1 100000 >&2; seq 1 100000; exit 3");
        assert_eq!(lines.len(), 200_000);
        assert!(!ended.succeeded());
        assert_eq!(ended.signal(), None);
        assert_eq!(ended.last_lines(), (99_981..=100_000).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_command_that_a_signal_ended_says_which() {
        assert_eq!(run("kill -KILL $$").0.signal().unwrap(), "killed by signal 9 (SIGKILL); out of memory?");
        assert_eq!(run("kill -TERM $$").0.signal().unwrap(), "killed by signal 15 (SIGTERM)");
    }

    #[test]
    fn so_does_one_that_reports_the_signal_of_its_child() {
        let cargo = "process didn't exit successfully: `rustc --edition=2024` (signal: 9, SIGKILL: kill)";
        let (ended, _) = run(&format!("echo '{}'; exit 101", cargo.replace('\'', "")));
        assert_eq!(ended.signal().unwrap(), "killed by signal 9 (SIGKILL); out of memory?");
        let (ended, _) = run("echo 'a test about (signal: 9, SIGKILL: kill)'");
        assert_eq!(ended.signal(), None);
        assert_eq!(signal_in(cargo), Some(9));
        assert_eq!(signal_in("error: linking with `cc` failed: signal: 9 (SIGKILL)"), Some(9));
        assert_eq!(signal_in("collect2: fatal error: ld terminated with signal 11 [Segmentation fault]"), Some(11));
        assert_eq!(signal_in("a signal: none"), None);
    }

    #[test]
    fn a_process_that_outlives_the_command_is_not_waited_for() {
        let began = Instant::now();
        let (ended, lines) = run("sleep 20 & echo over");
        assert!(ended.succeeded());
        assert_eq!(lines, ["over"]);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
