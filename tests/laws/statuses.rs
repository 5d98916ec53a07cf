//! Law 3: `tonic::Status` is made in one place.

use super::assert_upheld;
use super::rust;
use super::tree;

/// Everything that makes a status in `tonic`, beside what begins in `with_`, there and in `tonic_types::StatusExt`.
const MAKERS: [&str; 21] = [
    "new",
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
    "from_error",
    "try_from_error",
    "from_header_map",
];

/// What the file does against the law.
fn complaints(path: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for used in rust::paths(&rust::tokens(path, code)) {
        let (text, line) = (used.text(), used.line);
        if let [.., owner, maker] = used.parts.as_slice()
            && owner == "Status"
            && (MAKERS.contains(&maker.as_str()) || maker.starts_with("with_"))
        {
            found.push(format!("{path}:{line}: `{text}`: return a `kernel::Error` instead"));
        }
        if text.ends_with("tonic::Status") && used.alias.is_some() {
            found.push(format!("{path}:{line}: `{text}` under another name: keep its own"));
        }
    }
    found
}

fn may_make_statuses(path: &str) -> bool {
    path == "crates/runtime/src/status.rs" || path.starts_with("crates/runtime/src/status/")
}

#[test]
fn a_status_is_made_in_one_place() {
    let found: Vec<_> = tree::rust_files()
        .iter()
        .filter(|file| !file.is_generated() && !may_make_statuses(&file.path))
        .flat_map(|file| complaints(&file.path, &file.text))
        .collect();
    assert_upheld("only crates/runtime/src/status.rs makes a tonic::Status:", &found);
}

#[test]
fn every_way_to_make_a_status_is_noticed() {
    for bad in [
        "fn f() -> tonic::Status { tonic::Status::internal(\"x\") }",
        "use tonic::Status; fn f() { g().map_err(Status::unavailable) }",
        "fn f() { bail!(Status::new(Code::Ok, m)) }",
        "fn f() { Status::with_error_details_vec_and_metadata(c, m, d, t) }",
        "use tonic::{Code, Status as S};",
    ] {
        assert_eq!(complaints("bad.rs", bad).len(), 1, "{bad}");
    }
}

#[test]
fn what_only_reads_a_status_is_left_alone() {
    let good = "use tonic::Status; fn f(s: &Status) -> Code { /* Status::internal */ http::StatusCode::from_u16(1); s.code() }";
    assert_eq!(complaints("good.rs", good), Vec::<String>::new());
}
