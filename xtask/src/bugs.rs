//! `cargo xtask bugs`: puts known bugs into the code, one at a time, and checks that the tests find them.
//!
//! The bugs are patches, listed in a table with the tests that catch each. They are applied to the last commit, in a
//! work tree under `target/`; the one in use is never touched.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;

use crate::{
    report::{Outcome, Report, check, count_tests},
    tools::cargo,
};

const FOLDER: &str = "tests/bugs";
const LIST: &str = "tests/bugs/README.md";
const TREE: &str = "target/bugs";

#[derive(Args)]
pub(crate) struct Bugs {
    /// Only the bugs whose names contain one of these
    names: Vec<String>,
}

/// A row of the list.
#[derive(Debug, PartialEq)]
struct Bug {
    /// The file name of its patch, without `.patch`.
    name: String,
    /// The tests that catch it: each has to fail.
    tests: Vec<String>,
}

/// Runs the tests of every bug against it. They run without any bug first: a test that fails anyway catches nothing.
pub(crate) fn bugs(options: &Bugs) -> Report {
    let mut report = Report::default();
    let mut bugs = Vec::new();
    report.step("the list of bugs", || match listed() {
        Ok(listed) => {
            bugs = listed;
            Outcome::PASSED
        }
        Err(reason) => Outcome::failed(&reason),
    });
    bugs.retain(|bug| options.names.is_empty() || options.names.iter().any(|name| bug.name.contains(name.as_str())));
    if bugs.is_empty() {
        report.step("bugs", || Outcome::failed("there is no such bug"));
        return report;
    }
    let tree = Path::new(TREE);
    report.step("a work tree of the last commit", || make_tree(tree));
    report.step("without a bug", || {
        let named: Vec<_> = bugs.iter().flat_map(|bug| &bug.tests).collect();
        count_tests(&mut tests(tree, &named))
    });
    for bug in &bugs {
        report.step(&format!("bug {}", bug.name), || test_against(tree, bug));
    }
    remove(tree);
    report
}

/// Checks that each patch is in the list and still applies. Needs no build.
pub(crate) fn apply() -> Outcome {
    match listed() {
        Ok(bugs) => check(git(Path::new(".")).args(["apply", "--check"]).args(bugs.iter().map(patch))),
        Err(reason) => Outcome::failed(&reason),
    }
}

/// Applies a bug to the work tree and runs its tests, each of which has to fail.
fn test_against(tree: &Path, bug: &Bug) -> Outcome {
    let from_tree = Path::new("../..").join(patch(bug));
    if !succeeds(git(tree).args(["reset", "--quiet", "--hard"])) || !succeeds(git(tree).arg("apply").arg(from_tree)) {
        return Outcome::failed("the patch does not apply to the last commit");
    }
    let ran = match tests(tree, &bug.tests.iter().collect::<Vec<_>>()).stderr(Stdio::inherit()).output() {
        Ok(ran) => String::from_utf8_lossy(&ran.stdout).into_owned(),
        Err(error) => return Outcome::CouldNotRun { how: format!("cargo does not start: {error}") },
    };
    let mut misses = Vec::new();
    for test in &bug.tests {
        match is_passed(&ran, test) {
            Some(true) => misses.push(format!("SURVIVED {test}")),
            Some(false) => println!("caught by {test}"),
            None => misses.push(format!("NOT RUN {test}: the code does not build, or there is no such test")),
        }
    }
    if misses.is_empty() { Outcome::PASSED } else { Outcome::failed(&misses.join("\n")) }
}

/// A test's result in the output of `cargo test`; `None` if it did not run.
fn is_passed(ran: &str, test: &str) -> Option<bool> {
    let lines = ran.lines().filter_map(|line| line.strip_prefix("test ")?.strip_prefix(test)?.strip_prefix(" ... "));
    lines.map(|ended| ended == "ok").next()
}

/// `cargo test` in `tree`, for these tests only. It shares our target directory, so that no dependency is built again.
fn tests(tree: &Path, names: &[&String]) -> Command {
    let mut cargo = cargo();
    cargo.current_dir(tree).args(["test", "--quiet", "--package", "tests", "--test", "switchboard", "--"]);
    // Prints one line for each test in spite of `--quiet`.
    cargo.args(["--format", "pretty", "--exact"]).args(names);
    let beside = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    cargo.env("CARGO_TARGET_DIR", fs::canonicalize(&beside).unwrap_or(beside));
    cargo.env("INSTA_UPDATE", "no").env("RUST_BACKTRACE", "0");
    cargo
}

fn make_tree(tree: &Path) -> Outcome {
    remove(tree);
    check(git(Path::new(".")).args(["worktree", "add", "--quiet", "--force", "--detach"]).arg(tree))
}

/// Removes the work tree, also one that an earlier run left behind.
fn remove(tree: &Path) {
    if tree.exists() && !succeeds(git(Path::new(".")).args(["worktree", "remove", "--force"]).arg(tree)) {
        println!("{} is left behind: remove it with `git worktree remove --force`", tree.display());
    }
}

fn git(at: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(at);
    git
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

fn patch(bug: &Bug) -> PathBuf {
    Path::new(FOLDER).join(&bug.name).with_extension("patch")
}

/// The rows of the list, after a check that it names the patches that exist, in their order.
fn listed() -> Result<Vec<Bug>, String> {
    let text = fs::read_to_string(LIST).map_err(|error| format!("{LIST}: {error}"))?;
    let bugs: Vec<_> = text.lines().filter_map(row).collect();
    let folder = fs::read_dir(FOLDER).map_err(|error| format!("{FOLDER}: {error}"))?;
    let files = folder.filter_map(|entry| Some(entry.ok()?.path()));
    let mut patches: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "patch")).collect();
    patches.sort();
    if patches != bugs.iter().map(patch).collect::<Vec<_>>() {
        return Err(format!("{LIST} does not list the patches of {FOLDER}, in their order"));
    }
    Ok(bugs)
}

/// The bug in a row of the list: ``| `01-name` | what it does | `a::test` `another::test` |``
fn row(line: &str) -> Option<Bug> {
    let cells: Vec<_> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').collect();
    let [name, _, tests] = cells.try_into().ok()?;
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let (name, tests) = (quoted(name).pop()?, quoted(tests));
    (!tests.is_empty()).then_some(Bug { name, tests })
}

#[cfg(test)]
mod tests {
    use super::{Bug, is_passed, row};

    #[test]
    fn a_row_names_a_bug_and_what_catches_it() {
        let bug = Bug { name: "01-deaf".into(), tests: vec!["chat::a".into(), "chat::b".into()] };
        assert_eq!(row("| `01-deaf` | It says `nothing`. | `chat::a` `chat::b` |"), Some(bug));
        assert_eq!(row("| bug | what it does | caught by |"), None);
        assert_eq!(row("|---|---|---|"), None);
    }

    #[test]
    fn a_bug_is_caught_by_the_test_that_fails_and_by_no_other() {
        let ran = "test chat::a ... ok\ntest chat::ab ... FAILED\n\nfailures:\n    chat::ab\n";
        assert_eq!(
            ["chat::a", "chat::ab", "chat::abc"].map(|test| is_passed(ran, test)),
            [Some(true), Some(false), None]
        );
    }
}
