//! Links between the docs, and the files that they name.

use std::fs;

use super::{files, root};

/// The anchors of a page: GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        words.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter)).collect::<String>()
    };
    headings.map(|heading| anchor(heading).replace(' ', "-")).collect()
}

/// The text between two marks, each time that they follow each other.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

#[test]
fn links_between_the_docs_lead_somewhere() {
    for file in files() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for link in between(&text, "](", ")") {
            if link.starts_with("http") {
                continue;
            }
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let page = root().join(&file);
            let target = if target.is_empty() { page } else { page.with_file_name(target) };
            assert!(target.exists(), "{file} links to {link}: there is no such file");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                assert!(
                    anchors(&text).iter().any(|it| it == anchor),
                    "{file} links to {link}: there is no such heading"
                );
            }
        }
    }
}

#[test]
fn the_places_in_the_code_that_the_docs_name_exist() {
    for file in files() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for place in between(&text, "`", "`") {
            let is_path = ["shared/", "functions/", "local/", "aws-calls/", "tests/", "web/", "xtask/", "docs/"]
                .iter()
                .any(|folder| place.starts_with(folder));
            if is_path && !place.contains([' ', '…', '{']) {
                assert!(root().join(place).exists(), "{file} names {place}: there is no such file");
            }
        }
    }
}
