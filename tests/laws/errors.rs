//! `docs/errors.md` explains every reason that a caller can be given, once, and none that does not exist.

use std::collections::BTreeMap;

use kernel::{Code, Reason};

use super::assert_upheld;
use super::tree;

/// The name of a code in gRPC.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::NotFound => "NOT_FOUND",
        Code::Aborted => "ABORTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::Unavailable => "UNAVAILABLE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
    }
}

/// The reason that a line heads the entry of: a heading that is one upper-case name.
fn heading(line: &str) -> Option<&str> {
    let text = line.strip_prefix('#')?.trim_start_matches('#').trim().trim_matches('`');
    let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_name.then_some(text)
}

/// What is wrong with the entries of the document.
fn complaints(document: &str, reasons: &[(&str, &str)]) -> Vec<String> {
    let mut entries: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut current = None;
    for line in document.lines() {
        if line.starts_with('#') {
            current = heading(line);
            if let Some(name) = current {
                entries.entry(name).or_default().push(String::new());
            }
        } else if let Some(body) = current.and_then(|name| entries.get_mut(name)?.last_mut()) {
            body.push_str(line);
            body.push('\n');
        }
    }
    let mut found = Vec::new();
    for (name, code) in reasons {
        match entries.remove(name).unwrap_or_default().as_slice() {
            [] => found.push(format!("{name} has no entry")),
            [body] if body.trim().is_empty() => found.push(format!("{name} has an empty entry")),
            [body] if !body.contains(&format!("`{code}`")) => {
                found.push(format!("{name} does not say that its status is `{code}`"));
            }
            [_] => {}
            several => found.push(format!("{name} has {} entries", several.len())),
        }
    }
    found.extend(entries.keys().map(|name| format!("{name} is explained and is no reason")));
    found
}

#[test]
fn every_reason_is_explained_once() {
    let document = std::fs::read_to_string(tree::root().join("docs/errors.md")).unwrap_or_default();
    let reasons: Vec<_> =
        Reason::ALL.iter().map(|reason| (reason.as_str(), code_name(reason.code()))).collect();
    assert_upheld("docs/errors.md has one entry for each kernel::Reason:", &complaints(&document, &reasons));
}

#[test]
fn missing_empty_doubled_and_invented_entries_are_noticed() {
    let reasons = [("A_B", "ABORTED"), ("INTERNAL", "INTERNAL")];
    let good = "# Errors\n\nText.\n\n## Tokens\n\n### `A_B`\n\n`ABORTED`. Text.\n\n### INTERNAL\n`INTERNAL`. Text.\n";
    assert_eq!(complaints(good, &reasons), Vec::<String>::new());
    for (bad, complaint) in [
        (good.replace("### `A_B`", "### About"), "A_B has no entry"),
        (good.replace("`ABORTED`. Text.", ""), "A_B has an empty entry"),
        (good.replace("`ABORTED`", "`NOT_FOUND`"), "A_B does not say that its status is `ABORTED`"),
        (format!("{good}### A_B\n`ABORTED`.\n"), "A_B has 2 entries"),
        (format!("{good}### C_D\n`ABORTED`.\n"), "C_D is explained and is no reason"),
    ] {
        assert_eq!(complaints(&bad, &reasons), [complaint], "{bad}");
    }
}
