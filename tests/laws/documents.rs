//! The documents are there, and what they point at exists.
//!
//! A path in backticks that begins in a folder of the clone is checked, and so is a relative link. A path may go on
//! with the item meant: `crates/kernel/src/clock.rs::Clock`. Paths with a placeholder (`*`, `{…}`, `<…>`, `…`) are not.

use super::assert_upheld;
use super::rust;
use super::tree::{self, File};

const REQUIRED: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/errors.md", "docs/api-plan.md"];

const FOLDERS: [&str; 6] = ["crates/", "proto/", "tests/", "docs/", "examples/", ".ci/"];

const ITEMS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "mod", "macro_rules"];

/// Whether the Rust text defines an item of that name.
fn defines(path: &str, code: &str, name: &str) -> bool {
    let tokens = rust::tokens(path, code);
    let mut words = tokens.iter().map(|token| token.text.as_str()).filter(|text| *text != "!").peekable();
    while let Some(word) = words.next() {
        if ITEMS.contains(&word) && words.peek() == Some(&name) {
            return true;
        }
    }
    false
}

/// The paths in backticks, as they stand.
fn quoted_paths(document: &str) -> impl Iterator<Item = &str> {
    document
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|text| FOLDERS.iter().any(|folder| text.starts_with(folder)))
        .filter(|text| !text.contains(['*', '{', '<', '…', ' ']))
}

/// The targets of relative links, without their anchors.
fn relative_links(document: &str) -> impl Iterator<Item = &str> {
    document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains(':') && !target.starts_with('#'))
        .map(|target| target.split('#').next().unwrap_or(target))
}

/// What the document points at in vain. `read` gives the text of a path from the root, empty for a folder.
fn complaints(document: &File, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for quoted in quoted_paths(&document.text) {
        let (path, item) = quoted.split_once("::").map_or((quoted, None), |(path, item)| (path, Some(item)));
        match (read(path), item) {
            (None, _) => found.push(format!("{}: `{path}` does not exist", document.path)),
            // `Type::method` is the method.
            (Some(code), Some(item)) => {
                let name = item.rsplit("::").next().unwrap_or(item).trim_end_matches("()");
                if !defines(path, &code, name) {
                    found.push(format!("{}: `{path}` defines no `{name}`", document.path));
                }
            }
            (Some(_), None) => {}
        }
    }
    let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for target in relative_links(&document.text) {
        let path = if folder.is_empty() { target.to_owned() } else { format!("{folder}/{target}") };
        if read(&path).is_none() {
            found.push(format!("{}: the link to {target} leads nowhere", document.path));
        }
    }
    found
}

fn read(path: &str) -> Option<String> {
    let path = tree::root().join(path);
    if path.is_dir() { Some(String::new()) } else { std::fs::read_to_string(path).ok() }
}

#[test]
fn the_documents_are_there() {
    let mut found: Vec<_> = REQUIRED
        .iter()
        .filter(|path| read(path).is_none_or(|text| text.trim().is_empty()))
        .map(|path| format!("{path} is missing or empty"))
        .collect();
    if !tree::exists("docs/adr") || tree::files("docs/adr", ".md").is_empty() {
        found.push("docs/adr has no record".to_owned());
    }
    assert_upheld("these documents belong to the project:", &found);
}

#[test]
fn what_the_documents_point_at_exists() {
    let mut documents = tree::files("docs", ".md");
    documents.extend(tree::files("examples", ".md"));
    for path in REQUIRED {
        if let (false, Some(text)) = (path.contains('/'), read(path)) {
            documents.push(File { path: path.to_owned(), text });
        }
    }
    let found: Vec<_> = documents.iter().flat_map(|document| complaints(document, read)).collect();
    assert_upheld("a document points at what is not there:", &found);
}

#[test]
fn what_points_nowhere_is_noticed() {
    let there = |path: &str| match path {
        "crates/a/src/lib.rs" => Some("pub trait Port { fn call(&self); } // fn gone".to_owned()),
        "docs/there.md" => Some(String::new()),
        _ => None,
    };
    let check = |text: &str| complaints(&File { path: "docs/x.md".to_owned(), text: text.to_owned() }, there);
    for good in [
        "`crates/a/src/lib.rs`, `crates/a/src/lib.rs::Port::call`, `crates/*/src/domain/` and `fn`",
        "[a](there.md#part) [b](https://example.org/x) [c](#here)",
    ] {
        assert_eq!(check(good), Vec::<String>::new(), "{good}");
    }
    for bad in [
        "see `crates/a/src/gone.rs`",
        "see `crates/a/src/lib.rs::gone`",
        "see [it](gone.md)",
        "`docs/gone.md`",
    ] {
        assert_eq!(check(bad).len(), 1, "{bad}");
    }
}
