//! Size limits of the pages: the files in `web/` that a visitor or an agent loads, each compressed on its own.

use std::{fs, path::Path, process::Command};

use crate::report::Outcome;

/// Files that are loaded together, by the beginnings of their names, and the limit of their compressed size in bytes.
/// `tests/web/widget.test.mjs` checks that a page loads the widget's files up to the first message, and no others.
const GROUPS: [(&str, &[&str], usize); 6] = [
    ("the client", &["switchboard.js"], 6_000),
    ("the widget, to the first message", &["widget.", "switchboard.js"], 18_000),
    (
        "the widget, in all",
        &["widget.", "switchboard.js", "markdown.js", "footnotes.js", "transcript.js", "texts."],
        30_000,
    ),
    // 15 KB as they are.
    ("the API's reference", &["docs."], 5_500),
    ("the React hooks", &["react.js", "thread-store.js", "ai-sdk.js", "ui-messages.js"], 7_500),
    ("the console, its editor of chatbots included", &["console"], 60_000),
];

/// Prints the size of each group, and fails those over their limit.
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
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // No page loads types.
    name.starts_with(start) && !name.ends_with(".d.ts")
}

fn compressed(path: &Path) -> Option<usize> {
    let output = Command::new("gzip").args(["-9", "--no-name", "--stdout"]).arg(path).output().ok()?;
    output.status.success().then_some(output.stdout.len())
}
