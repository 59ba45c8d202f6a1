//! Import circles: files of one crate that import each other in a loop.
//!
//! Reads `use` statements as text. An item that a module re-exports counts as an import of the file that defines it,
//! and a module's import of an item of its parent does not count: the parent declares the child.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use crate::report::Outcome;

/// Folders with one crate each: `src` lies in them, or they hold its files themselves.
const CRATES: [&str; 6] = ["aws-calls", "shared", "local", "xtask", "tests", "functions"];

type Module = Vec<String>;

/// One file: its imports, and its re-exports by name.
#[derive(Default)]
struct File {
    imports: Vec<Module>,
    exports: BTreeMap<String, Module>,
}

/// Fails where a crate has a circle, and prints the files in it.
pub(crate) fn check() -> Outcome {
    let circles = sources().and_then(|sources| sources.iter().map(|source| circles_in(source)).collect());
    match circles.map(|circles: Vec<_>| circles.concat()) {
        Ok(circles) if circles.is_empty() => Outcome::PASSED,
        Ok(circles) => Outcome::failed(&circles.join("\n")),
        Err(error) => Outcome::CouldNotRun { how: error.to_string() },
    }
}

fn sources() -> io::Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for folder in CRATES {
        if Path::new(folder).join("src").is_dir() {
            sources.push(Path::new(folder).join("src"));
        } else {
            for entry in fs::read_dir(folder)? {
                sources.push(entry?.path().join("src"));
            }
        }
    }
    Ok(sources)
}

fn circles_in(source: &Path) -> io::Result<Vec<String>> {
    let mut files = BTreeMap::new();
    read(source, &mut Vec::new(), &mut files)?;
    Ok(circles(&files).iter().map(|module| format!("{}: {}", source.display(), module.join("::"))).collect())
}

/// The modules that import themselves by way of others.
fn circles(files: &BTreeMap<Module, File>) -> Vec<&Module> {
    let imports = files.keys().map(|module| (module, imported(module, files))).collect();
    files.keys().filter(|module| reachable(module, &imports).contains(*module)).collect()
}

/// Reads the files of a folder by their module paths. `main.rs` belongs to a crate of its own and is left out.
fn read(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            module.push(name);
            read(&path, module, files)?;
            module.pop();
        } else if path.extension().is_some_and(|it| it == "rs") && name != "main" {
            let mut of_file = module.clone();
            of_file.extend((name != "lib" && name != "mod").then_some(name));
            files.insert(of_file.clone(), parse(&of_file, &fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

fn parse(module: &Module, text: &str) -> File {
    let mut file = File::default();
    // Unit tests may import what they like.
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    for statement in lines.collect::<String>().split(';') {
        let Some(at) = ["pub use ", "pub(crate) use ", "pub(super) use ", "use "]
            .iter()
            .find_map(|start| statement.strip_prefix(start))
        else {
            continue;
        };
        let mut paths = Vec::new();
        expand("", at, &mut paths);
        for path in paths {
            let (path, name) = path.split_once(" as ").map_or((path.as_str(), None), |(path, name)| (path, Some(name)));
            let path = absolute(module, path);
            if let Some(name) = name.or(path.last().map(String::as_str)) {
                file.exports.insert(name.to_owned(), path.clone());
            }
            if statement.starts_with("use ") {
                file.imports.push(path);
            }
        }
    }
    file
}

/// `a::{b, c::{d, self}}` is `a::b`, `a::c::d` and `a::c`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let (mut depth, mut start) = (0, 0);
    for (at, character) in tree.char_indices().chain([(tree.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let path = tree[start..at].trim();
                start = at + 1;
                match path.split_once('{') {
                    Some((head, rest)) => {
                        expand(&format!("{prefix}{head}"), rest.strip_suffix('}').unwrap_or(rest), paths);
                    }
                    None if path == "self" => paths.push(prefix.trim_end_matches("::").to_owned()),
                    None if path.is_empty() => {}
                    None => paths.push(format!("{prefix}{path}")),
                }
            }
            _ => {}
        }
    }
}

/// The path from the crate's root; a path of another crate resolves to no file.
fn absolute(module: &Module, path: &str) -> Module {
    let mut at: Module = module.clone();
    for (place, segment) in path.split("::").enumerate() {
        match segment {
            "crate" if place == 0 => at.clear(),
            "self" => {}
            "super" => _ = at.pop(),
            _ => at.push(segment.to_owned()),
        }
    }
    at
}

/// The files that a module imports, but for its ancestors.
fn imported(module: &Module, files: &BTreeMap<Module, File>) -> BTreeSet<Module> {
    let defined = files[module].imports.iter().filter_map(|path| defining(path, files, 0));
    defined.filter(|file| !module.starts_with(file)).collect()
}

/// The file that defines the item at a path, through re-exports.
fn defining(path: &Module, files: &BTreeMap<Module, File>, hops: usize) -> Option<Module> {
    let file =
        (0..=path.len()).rev().map(|length| path[..length].to_vec()).find(|prefix| files.contains_key(prefix))?;
    match path.get(file.len()).and_then(|item| files[&file].exports.get(item)) {
        Some(exported) if hops < 8 && exported != path => defining(exported, files, hops + 1),
        _ => Some(file),
    }
}

/// The modules that an import leads to, directly or by way of others.
fn reachable(from: &Module, imports: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut found, mut left) = (BTreeSet::new(), vec![from.clone()]);
    while let Some(module) = left.pop() {
        left.extend(imports[&module].iter().filter(|import| found.insert((*import).clone())).cloned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_circles(sources: &[(&str, &str)]) -> Vec<String> {
        let module = |name: &str| name.split("::").filter(|it| !it.is_empty()).map(str::to_owned).collect::<Module>();
        let files = sources.iter().map(|(name, text)| (module(name), parse(&module(name), text))).collect();
        circles(&files).iter().map(|module| module.join("::")).collect()
    }

    #[test]
    fn a_loop_of_imports_is_found_through_a_re_export() {
        let store = "mod read;\nmod write;\npub use read::Query;\npub use write::{Put as Write};";
        let read = "use std::fs;\nuse super::Write;";
        let write = "//! Puts; and deletes.\nuse crate::{\n    error::{self, Error},\n    store::{Query, self},\n};";
        let all = [("", "mod store;"), ("store", store), ("store::read", read), ("store::write", write)];
        assert_eq!(on_circles(&all), ["store::read", "store::write"]);
    }

    #[test]
    fn a_child_that_imports_its_parent_is_no_circle() {
        let all = [("run", "mod lease;\nuse lease::Lease;\npub struct Run;"), ("run::lease", "use super::Run;")];
        assert_eq!(on_circles(&all), [""; 0]);
    }
}
