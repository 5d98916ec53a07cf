//! Small files, shared lints, nothing unfinished, no test that is skipped.

use super::assert_upheld;
use super::rust::{self, Token};
use super::tree::{self, File};

/// The longest a file may be before it is taken apart.
const MOST_LINES: usize = 500;

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > MOST_LINES).then(|| format!("{} has {lines} lines", file.path))
}

/// What was left unfinished or is skipped.
fn unfinished(path: &str, code: &str) -> Vec<String> {
    let tokens = rust::tokens(path, code);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let rest = &tokens[at..];
        let called = matches!(rest, [_, next, ..] if next.text == "!");
        if called && matches!(token.text.as_str(), "todo" | "unimplemented") {
            found.push(format!("{path}:{}: `{}!`", token.line, token.text));
        }
        if is_ignore_attribute(rest) {
            found.push(format!("{path}:{}: a test that is skipped", token.line));
        }
    }
    found
}

fn is_ignore_attribute(tokens: &[Token]) -> bool {
    let [hash, bracket, name, rest @ ..] = tokens else { return false };
    if hash.text != "#" || bracket.text != "[" {
        return false;
    }
    let mut inside = rest.iter().take_while(|token| token.text != "]");
    name.text == "ignore" || (name.text == "cfg_attr" && inside.any(|token| token.text == "ignore"))
}

/// Whether the manifest takes over the lints of the workspace.
fn shares_the_lints(text: &str) -> bool {
    text.parse::<toml::Table>().is_ok_and(|table| {
        table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool)
            == Some(true)
    })
}

#[test]
fn files_are_short() {
    let found: Vec<_> =
        tree::rust_files().iter().filter(|file| !file.is_generated()).filter_map(too_long).collect();
    assert_upheld(&format!("a file has at most {MOST_LINES} lines:"), &found);
}

#[test]
fn nothing_is_unfinished_and_no_test_is_skipped() {
    let found: Vec<_> =
        tree::rust_files().iter().flat_map(|file| unfinished(&file.path, &file.text)).collect();
    assert_upheld("nothing is left for later in the code:", &found);
}

#[test]
fn every_crate_shares_the_lints() {
    let mut manifests = tree::files("crates", "Cargo.toml");
    manifests.extend(tree::files("tests", "Cargo.toml"));
    let found: Vec<_> =
        manifests.into_iter().filter(|file| !shares_the_lints(&file.text)).map(|file| file.path).collect();
    assert_upheld("a manifest says `[lints] workspace = true`:", &found);
}

#[test]
fn a_long_file_is_noticed() {
    let file = |lines| File { path: "a.rs".to_owned(), text: "x\n".repeat(lines) };
    assert_eq!(too_long(&file(MOST_LINES)), None);
    assert!(too_long(&file(MOST_LINES + 1)).is_some());
}

#[test]
fn unfinished_code_and_skipped_tests_are_noticed() {
    for bad in [
        "fn f() { todo!() }",
        "fn f() { unimplemented!(\"later\") }",
        "#[test] #[ignore] fn f() {}",
        "#[ignore = \"slow\"] fn f() {}",
        "#[cfg_attr(windows, ignore)] fn f() {}",
    ] {
        assert_eq!(unfinished("bad.rs", bad).len(), 1, "{bad}");
    }
    let good = "// todo!()\n#[cfg_attr(test, derive(Debug))] struct S; fn f(ignore: u8) { g(\"todo!()\", ignore); x.unimplemented() }";
    assert_eq!(unfinished("good.rs", good), Vec::<String>::new());
}

#[test]
fn a_manifest_without_the_lints_is_noticed() {
    assert!(shares_the_lints("[lints]\nworkspace = true\n"));
    for bad in ["", "[lints]\nworkspace = false\n", "[lints.rust]\nunsafe_code = \"forbid\"\n"] {
        assert!(!shares_the_lints(bad), "{bad}");
    }
}
