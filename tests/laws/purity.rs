//! Law 2: rules are pure. What `domain/` decides depends on its arguments alone. And outside `runtime` nobody reads the
//! operating system's generator (reading the clock is refused by clippy.toml).

use super::assert_upheld;
use super::rust::{self, Path};
use super::tree;

/// Crates that have no business in `domain/`.
const IMPURE_CRATES: [&str; 14] = [
    "tonic",
    "tonic_types",
    "sea_orm",
    "sea_orm_migration",
    "sqlx",
    "redis",
    "tokio",
    "tokio_util",
    "axum",
    "hyper",
    "reqwest",
    "rand",
    "getrandom",
    "proto",
];

/// Modules that reach out of the process or read clock or generator.
const IMPURE_MODULES: [&str; 5] = ["std::env", "std::fs", "std::net", "std::process", "aws_lc_rs::rand"];

/// Types that read the clock.
const CLOCKS: [&str; 2] = ["SystemTime", "Instant"];

/// Types that read the generator, under the names of all the versions of `rand`, `rand_core` and `getrandom`. (That of
/// `aws_lc_rs` is refused by clippy.toml.)
const GENERATORS: [&str; 3] = ["OsRng", "SysRng", "ThreadRng"];

fn mentions(path: &Path, names: &[&str]) -> bool {
    path.parts.iter().any(|part| names.contains(&part.as_str()))
}

fn is_impure(path: &Path) -> bool {
    let text = path.text();
    IMPURE_CRATES.iter().any(|name| path.leads_into(name))
        || IMPURE_MODULES.iter().any(|module| text == *module || text.starts_with(&format!("{module}::")))
        || mentions(path, &CLOCKS)
        || mentions(path, &GENERATORS)
}

fn used_paths(path: &str, code: &str, refused: impl Fn(&Path) -> bool) -> Vec<String> {
    rust::paths(&rust::tokens(path, code))
        .iter()
        .filter(|used| refused(used))
        .map(|used| format!("{path}:{}: `{}`", used.line, used.text()))
        .collect()
}

fn is_domain(path: &str) -> bool {
    path.starts_with("crates/") && (path.contains("/src/domain/") || path.ends_with("/src/domain.rs"))
}

#[test]
fn the_domain_is_pure() {
    let found: Vec<_> = tree::files("crates", ".rs")
        .iter()
        .filter(|file| is_domain(&file.path))
        .flat_map(|file| used_paths(&file.path, &file.text, is_impure))
        .collect();
    assert_upheld(
        "domain/ has no I/O, no clock and no generator; take what it needs as an argument:",
        &found,
    );
}

#[test]
fn only_the_runtime_reads_the_generator() {
    let found: Vec<_> = tree::rust_files()
        .iter()
        .filter(|file| file.crate_name() != Some("runtime") && !file.is_generated())
        .flat_map(|file| used_paths(&file.path, &file.text, |used| mentions(used, &GENERATORS)))
        .collect();
    assert_upheld("only runtime reads the operating system's generator; take a kernel::Entropy:", &found);
}

#[test]
fn every_kind_of_impurity_is_noticed() {
    for bad in [
        "use tokio::sync::Mutex;",
        "use sea_orm;",
        "#[tokio::test] async fn f() {}",
        "fn f() { std::env::var(\"X\") }",
        "use std::{collections::BTreeMap, env};",
        "use std::time::SystemTime;",
        "fn f(now: Instant) {}",
        "fn f() { sign(rand_core_06::OsRng) }",
        "fn f() { rand::random() }",
        "fn f() { aws_lc_rs::rand::fill(b) }",
        "fn f() { log!(tonic::Code::Ok) }",
        "fn f(m: proto::policy::v1::Rule) {}",
    ] {
        assert_eq!(used_paths("bad.rs", bad, is_impure).len(), 1, "{bad}");
    }
}

#[test]
fn what_is_pure_is_left_alone() {
    // The words in comments and strings, a variable called `rand`, and a submodule called `env`.
    let good = "// tokio::spawn\nuse std::time::Duration; fn f(rand: u8) -> u8 { crate::env::g(\"tokio::net\"); rand }";
    assert_eq!(used_paths("good.rs", good, is_impure), Vec::<String>::new());
}

#[test]
fn the_folder_and_the_file_are_the_domain() {
    assert!(is_domain("crates/policy/src/domain/rules.rs") && is_domain("crates/policy/src/domain.rs"));
    assert!(!is_domain("crates/policy/src/store/domain_rows.rs"));
}
