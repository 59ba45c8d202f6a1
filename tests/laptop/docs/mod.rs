//! The code blocks of the docs: each is run, or says which test runs it, or why nothing can.
//!
//! The first line of a block says so after its language, where GitHub does not show it, such as
//! `sh not-run="needs an AWS account"` or `js tested-by="a_test"`. Without either, `sh` is run here; `json` and `yaml`
//! have to parse; `text` is no code; any other language needs one of the two.

mod block;
mod links;
mod shell;

use std::{
    fs,
    path::{Path, PathBuf},
};

use block::{Block, Mark};

/// The files at the top of the repository that are read, beside all of `docs/`.
const TOP: [&str; 4] = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files, in the order of their names.
fn files() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let pages = docs.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"));
    let mut files: Vec<_> = pages.map(|name| format!("docs/{name}")).collect();
    files.extend(TOP.map(str::to_owned));
    files.sort();
    files
}

/// The blocks of each file.
fn blocks() -> Vec<Vec<Block>> {
    let read = |file: &String| Block::all(file, &fs::read_to_string(root().join(file)).unwrap());
    files().iter().map(read).collect()
}

/// The complaint about a block that nothing runs, if there is one.
fn complaint(block: &Block) -> Option<String> {
    let why = match (&block.mark, block.language.as_str()) {
        (Some(Mark::NotRun(reason)), _) if reason.is_empty() => "says no reason".to_owned(),
        (Some(Mark::NotRun(_)), _) | (None, "sh" | "text") => return None,
        (Some(Mark::TestedBy(test)), _) if is_test(test) => return None,
        (Some(Mark::TestedBy(test)), _) => format!("names {test}, which does not exist"),
        (Some(Mark::Unknown(text)), _) => format!("has an unknown mark: {text}"),
        (None, "json") => serde_json::from_str::<serde_json::Value>(&block.code).err()?.to_string(),
        (None, "yaml") => yaml_serde::from_str::<yaml_serde::Value>(&block.code).err()?.to_string(),
        (None, "") => "has no language; text that is no code is `text`".to_owned(),
        (None, _) => "is run by nothing: mark it with tested-by or not-run".to_owned(),
    };
    Some(format!("{}: the block {why}", block.place()))
}

/// True of a test's name, of a file in `tests/`, and of a command of `cargo xtask`.
fn is_test(name: &str) -> bool {
    if let Some(command) = name.strip_prefix("cargo xtask ") {
        return root().join(format!("xtask/src/{command}.rs")).is_file();
    }
    if name.starts_with("tests/") {
        return root().join(name).is_file();
    }
    defines(&root().join("tests"), &format!("async fn {name}() {{"))
}

/// True if a Rust file in the folder, or further down, has this text.
fn defines(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return defines(&path, text);
        }
        path.extension().is_some_and(|extension| extension == "rs") && fs::read_to_string(&path).unwrap().contains(text)
    })
}

#[test]
fn every_block_of_the_docs_is_run_or_says_why_not() {
    let complaints: Vec<_> = blocks().iter().flatten().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn what_is_wrong_with_a_block_is_said_with_its_file_and_line() {
    let page = "# A\n\n```go\nmain\n```\n\n1. A list:\n   ```sh not-run=\"\"\n   rm\n   ```\n\
                ```js tested-by=\"nobody\"\n```\n```json\n{\n```\n```yaml\na: [\n```\n```py runs=\"x\"\n```\n\
                ```\nplain\n```\n```text\nfine\n```\n";
    let complaints: Vec<_> = Block::all("page.md", page).iter().filter_map(complaint).collect();
    let places: Vec<_> = complaints.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["3", "8", "11", "13", "16", "19", "21"].map(|line| format!("page.md:{line}")));
    assert!(complaints[0].contains("tested-by or not-run"), "{}", complaints[0]);
    assert!(complaints[2].contains("names nobody"), "{}", complaints[2]);
}

/// All blocks of a file are one script, which begins with the lines that a start prints.
#[tokio::test]
async fn the_shell_blocks_of_the_docs_run() {
    let mut failures = String::new();
    let shell = shell::Shell::start().await;
    for blocks in blocks() {
        let run: Vec<_> = blocks.iter().filter(|block| block.language == "sh" && block.mark.is_none()).collect();
        if let Err(failure) = shell.run(&run).await {
            failures += &failure;
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[tokio::test]
async fn a_shell_block_fails_by_its_exit_code_and_by_the_status_of_a_response() {
    let page = "```sh\ntrue\n```\n\n```sh\nCODE\n```\n";
    let shell = shell::Shell::start().await;
    for (code, expected) in [
        ("curl -s $URL/threads -H \"Authorization: Bearer $CUSTOMER\"   # 200: the list", None),
        ("curl -s $URL/threads/none -H \"Authorization: Bearer $AGENT\" # 404: not there", None),
        ("cargo run -- token --tenant acme --role agent --sub ana", None),
        (
            "curl -s $URL/threads -H \"Authorization: Bearer $CUSTOMER\"   # 201: the list",
            Some("page.md:6: 200, not 201"),
        ),
        ("curl -s $URL/threads/none -H \"Authorization: Bearer $AGENT\"", Some("page.md:5: a request was refused")),
        ("false\ntrue", Some("page.md:5: ")),
        ("sam delete --no-prompts", Some("sam: command not found")),
    ] {
        let page = page.replace("CODE", code);
        let blocks = Block::all("page.md", &page);
        let ran = shell.run(&blocks.iter().collect::<Vec<_>>()).await;
        match (ran, expected) {
            (Ok(()), None) => {}
            (Err(failure), Some(expected)) if failure.contains(expected) => {}
            (ran, _) => panic!("{code}: {ran:?}"),
        }
    }
}
