//! Download sizes of the pages: the files of `web/`, each compressed by itself, as they are sent.

use crate::report::Outcome;
use std::{fs, path::Path, process::Command};

/// Files that are loaded together, and the limit of their compressed bytes. Each further file costs some 300 bytes, so
/// files are longer here than elsewhere.
const GROUPS: [(&str, &[&str], usize); 4] = [
    ("the client", &["switchboard.js"], 6_000),
    ("the widget, to the first message", &["widget.", "switchboard.js"], 15_000),
    ("the widget, in all", &["widget.", "switchboard.js", "markdown.js", "texts."], 25_000),
    ("the console, its editor of chatbots included", &["console"], 40_000),
];

/// Prints each group's size and compares it with the limit.
pub(crate) fn sizes() -> Outcome {
    let (mut passed, mut too_large) = (0, Vec::new());
    for (name, files, limit) in GROUPS {
        let sum = fs::read_dir("web").ok().and_then(|folder| {
            let paths = folder.flatten().map(|file| file.path());
            let ours = paths.filter(|path| files.iter().any(|start| is_named(path, start)));
            ours.map(|path| compressed(&path)).sum::<Option<usize>>()
        });
        let Some(bytes) = sum else {
            return Outcome::CouldNotRun { how: "install gzip".to_owned() };
        };
        let line = format!("{name}: {bytes} bytes of at most {limit}");
        println!("{line}");
        if bytes <= limit { passed += 1 } else { too_large.push(line) }
    }
    if too_large.is_empty() {
        return Outcome::Ran { passed, failed: 0 };
    }
    Outcome::Failed { passed, failed: too_large.len(), signal: None, lines: too_large }
}

fn is_named(path: &Path, start: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
}

fn compressed(path: &Path) -> Option<usize> {
    let output = Command::new("gzip").args(["-9", "--no-name", "--stdout"]).arg(path).output().ok()?;
    output.status.success().then_some(output.stdout.len())
}
