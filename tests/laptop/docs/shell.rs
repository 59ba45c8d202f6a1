//! Runs the blocks of a page in bash, against a running `switchboard`.

use std::{env, fmt::Write, fs, os::unix::fs::symlink};

use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use super::block::Block;
use crate::laptop::process::{Laptop, TIMEOUT};
use tests::runtime_api::binary;

/// `curl` notes the status of each response. `expect` compares the last one, and `finish` finds refusals that nothing
/// expected. `cargo run -- …` is the built program on the data of the running one.
const FUNCTIONS: &str = r#"
set -euo pipefail
PATH="$PROGRAMS"
curl() {
  local code=0
  command curl -D headers "$@" || code=$?
  sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p' headers | tail -n 1 >> statuses
  return "$code"
}
begin() { echo "@ $1" >&2; : > statuses; }
expect() {
  local last; last="$(tail -n 1 statuses)"
  test "$last" = "$2" || { echo "$1: $last, not $2" >&2; exit 1; }
  : > statuses
}
finish() {
  ! grep -q '^[45]' statuses || { echo "$1: a request was refused with $(grep '^[45]' statuses)" >&2; exit 1; }
}
cargo() {
  while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
  [ $# -gt 1 ] || { echo "a block that starts a server needs the mark not-run" >&2; exit 1; }
  shift
  "$SWITCHBOARD" "$@" --data-dir "$DATA"
}
"#;

/// The only programs that a block finds: one that would change this machine or an account fails.
const PROGRAMS: [&str; 5] = ["curl", "sed", "grep", "tail", "cat"];

/// A running `switchboard` and a folder for the scripts.
pub(super) struct Shell {
    laptop: Laptop,
    folder: TempDir,
}

impl Shell {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        for name in PROGRAMS {
            let folders = env::split_paths(&env::var_os("PATH").unwrap()).collect::<Vec<_>>();
            let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
            let found =
                found.unwrap_or_else(|| panic!("COULD NOT RUN: the docs need {name} (Debian: `apt-get install curl`)"));
            symlink(found, programs.join(name)).unwrap();
        }
        Self { laptop: Laptop::start(&folder.path().join("data")).await, folder }
    }

    /// Runs blocks as one script. The error is the place that failed, with what it printed.
    pub(super) async fn run(&self, blocks: &[&Block]) -> Result<(), String> {
        let mut script = FUNCTIONS.to_owned();
        script += printed_variables(&self.laptop.introduction);
        for block in blocks {
            writeln!(script, "\nbegin '{}'", block.place()).unwrap();
            for (place, line) in block.lines() {
                writeln!(script, "{line}").unwrap();
                if let Some(status) = expected_status(line) {
                    writeln!(script, "expect '{place}' {status}").unwrap();
                }
            }
            writeln!(script, "finish '{}'", block.place()).unwrap();
        }
        let folder = self.folder.path();
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(folder).kill_on_drop(true);
        bash.env("PROGRAMS", folder.join("programs")).env("HOME", folder);
        bash.env("SWITCHBOARD", binary("switchboard")).env("DATA", folder.join("data"));
        let output = timeout(TIMEOUT, bash.output()).await.expect("the blocks end by themselves").unwrap();
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let (_, last) = errors.rsplit_once("@ ").unwrap_or(("", &errors));
        Err(format!("{}\nprinted:\n{}", last.replacen('\n', ": ", 1), String::from_utf8_lossy(&output.stdout)))
    }
}

/// The lines from `URL=` through `THREAD=`, as the docs tell their reader to paste them.
fn printed_variables(introduction: &str) -> &str {
    let (_, rest) = introduction.split_once("\nURL=").expect("a start prints its URL");
    let start = introduction.len() - rest.len() - "URL=".len();
    let thread = introduction.find("\nTHREAD=").expect("a start prints how to make a thread") + 1;
    &introduction[start..thread + introduction[thread..].find('\n').unwrap()]
}

/// The status in a comment such as `# 200: the bot has replied`.
fn expected_status(line: &str) -> Option<&str> {
    let (_, comment) = line.rsplit_once("# ")?;
    let (status, _) = comment.split_once(':')?;
    (status.len() == 3 && status.bytes().all(|digit| digit.is_ascii_digit())).then_some(status)
}
