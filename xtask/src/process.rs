//! A server as a child process: its output and its end.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader, PipeReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// The longest time that a start or a stop may take: LiteLLM needs a minute on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(4);
/// The number of lines that an error repeats.
const MAX_LAST_LINES: usize = 8;

/// A running server. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Process {
    /// Starts a command. Both of its streams go to the end of the file `log`; its standard input stays open.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let (reader, writer) = io::pipe().map_err(|error| error.to_string())?;
        let second = writer.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::piped()).stdout(second).stderr(writer);
        let child = command.spawn();
        // The command owns its ends of the pipe until they are replaced.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = child.map_err(|error| format!("{} does not start: {error}", command.get_program().display()))?;
        let lines = logged(reader, log).map_err(|error| format!("{}: {error}", log.display()))?;
        Ok(Self { child, lines, log: log.to_owned() })
    }

    /// The process id, which is the command's own where it replaces itself by another program.
    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// The result of `find` for the first line from here on that has it. The error has the last lines.
    pub(crate) fn until<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let until = Instant::now() + TIMEOUT;
        let mut last_lines = Vec::new();
        let failure = loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(found) = find(&line) {
                        return Ok(found);
                    }
                    last_lines.push(line);
                }
                Err(RecvTimeoutError::Disconnected) => break "it ended by itself",
                Err(RecvTimeoutError::Timeout) => break "it was not ready in time",
            }
        };
        let first = last_lines.len().saturating_sub(MAX_LAST_LINES);
        Err(format!("{failure}, see {}:\n{}", self.log.display(), last_lines[first..].join("\n")))
    }

    /// Sends what Ctrl-C sends, and waits for a successful end.
    pub(crate) fn interrupt(mut self) -> Result<(), String> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().map_err(|error| format!("kill: {error}"))?;
        // Its output ends with the process.
        let until = Instant::now() + TIMEOUT;
        while let Err(RecvTimeoutError::Timeout) | Ok(_) =
            self.lines.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if Instant::now() >= until {
                return Err("it did not stop after Ctrl-C".to_owned());
            }
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("after Ctrl-C it ended with {status}")) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The URL of a server on this machine that a line names.
pub(crate) fn url_in(line: &str) -> Option<String> {
    const START: &str = "http://127.0.0.1:";
    let (_, rest) = line.split_once(START)?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("{START}{port}"))
}

/// The lines that come through a pipe, which are also written to the end of `log`.
fn logged(pipe: PipeReader, log: &Path) -> io::Result<Receiver<String>> {
    let mut file = OpenOptions::new().create(true).append(true).open(log)?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            // A full disk must not stop the server, which would wait for its output to be read.
            let _ = writeln!(file, "{line}");
            let _ = sender.send(line);
        }
    });
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::{Process, url_in};
    use std::{env, fs, process::Command};

    #[test]
    fn a_url_is_found_among_colours_and_words() {
        let line = "\u{1b}[32mINFO\u{1b}[0m: Uvicorn running on \u{1b}[1mhttp://127.0.0.1:4010\u{1b}[0m (Ctrl+C)";
        assert_eq!(url_in(line).unwrap(), "http://127.0.0.1:4010");
        assert_eq!(url_in("listening on http://127.0.0.1:"), None);
        assert_eq!(url_in("see http://example.com:80"), None);
    }

    /// A shell that can trap Ctrl-C also where the tests run in the background of a script: a signal that is ignored at
    /// a shell's start cannot be trapped.
    fn shell() -> Command {
        if cfg!(not(target_os = "linux")) {
            return Command::new("sh");
        }
        let mut env = Command::new("env");
        env.args(["--default-signal=INT", "sh"]);
        env
    }

    #[test]
    fn a_process_is_awaited_and_stopped() {
        let log = env::temp_dir().join(format!("xtask-process-{}", std::process::id()));
        let script = "trap 'exit 0' INT; echo one; echo http://127.0.0.1:7 >&2; read wait; exit 3";
        let mut process = Process::start(shell().args(["-c", script]), &log).unwrap();
        assert_eq!(process.until(url_in).unwrap(), "http://127.0.0.1:7");
        process.interrupt().unwrap();

        let mut process = Process::start(Command::new("sh").args(["-c", "echo broken; exit 1"]), &log).unwrap();
        let error = process.until(url_in).unwrap_err();
        assert!(error.starts_with("it ended by itself") && error.ends_with("\nbroken"), "{error}");
        assert_eq!(fs::read_to_string(&log).unwrap(), "one\nhttp://127.0.0.1:7\nbroken\n");
        fs::remove_file(log).unwrap();
    }
}
