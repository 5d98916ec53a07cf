//! Law 1: dependencies point down, services do not name each other, and the protos are used at the edges only.

use std::collections::BTreeSet;

use super::rust;
use super::tree;
use super::{SERVICES, assert_upheld};

/// How high a crate stands. It may depend on crates below itself only.
fn layer(name: &str) -> Option<u8> {
    Some(match name {
        "kernel" => 0,
        "operation" | "attestation" | "jose" | "storage" | "soft-authenticator" => 1,
        "proto" => 2,
        "runtime" => 3,
        // For tests alone; stands beside the services so that it can use everything that they are built from.
        "testkit" => 4,
        _ if SERVICES.contains(&name) => 4,
        "countersign" => 5,
        "countersign-tests" => 6,
        _ => return None,
    })
}

/// The crates that a manifest names.
struct Manifest {
    name: String,
    /// Needed to build it, on any target.
    needed: BTreeSet<String>,
    /// Needed for its tests.
    for_tests: BTreeSet<String>,
}

impl Manifest {
    fn parse(path: &str, text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let name = table["package"]["name"].as_str().expect("a package has a name").to_owned();
        let mut manifest = Self { name, needed: BTreeSet::new(), for_tests: BTreeSet::new() };
        manifest.read(&table);
        for target in
            table.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values)
        {
            manifest.read(target.as_table().expect("a target is a table"));
        }
        manifest
    }

    fn read(&mut self, table: &toml::Table) {
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let names = if section == "dev-dependencies" { &mut self.for_tests } else { &mut self.needed };
            for (key, value) in table.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
                // A crate may be known under another name here; the law is about the crate.
                let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
                names.insert(package.to_owned());
            }
        }
    }

    fn complaints(&self) -> Vec<String> {
        let name = self.name.as_str();
        let Some(own) = layer(name) else {
            return vec![format!(
                "{name}: stands in no layer yet; give it one in tests/laws/dependencies.rs"
            )];
        };
        let mut found = Vec::new();
        for dependency in &self.needed {
            if dependency == "testkit" {
                found.push(format!("{name} depends on testkit, which is for tests alone"));
            } else if layer(dependency).is_some_and(|below| below >= own) {
                found.push(format!("{name} depends on {dependency}, which does not stand below it"));
            }
            if dependency == "jsonwebtoken" && name != "jose" {
                found.push(format!("{name} depends on jsonwebtoken; only jose makes and decodes a JWT"));
            }
        }
        for other in SERVICES {
            if SERVICES.contains(&name) && other != name && self.for_tests.contains(other) {
                found.push(format!("{name} names {other} in its tests; services do not name each other"));
            }
        }
        found
    }
}

/// The use of proto types in a file of a service that is neither its `grpc` nor one of its `peers`.
fn proto_complaints(path: &str, code: &str) -> Vec<String> {
    rust::paths(&rust::tokens(path, code))
        .iter()
        .filter(|used| used.leads_into("proto"))
        .map(|used| format!("{path}:{}: `{}`", used.line, used.text()))
        .collect()
}

/// Whether a path below a service's `src` is one of the rooms where the protos end.
fn is_edge(path: &str) -> bool {
    let inside = path.splitn(4, '/').nth(3).unwrap_or_default();
    ["grpc", "peers"]
        .iter()
        .any(|room| inside == format!("{room}.rs") || inside.starts_with(&format!("{room}/")))
}

#[test]
fn dependencies_point_down() {
    let mut manifests = tree::files("crates", "Cargo.toml");
    manifests.extend(tree::files("tests", "Cargo.toml"));
    assert!(manifests.len() > SERVICES.len());
    let found: Vec<_> =
        manifests.iter().flat_map(|file| Manifest::parse(&file.path, &file.text).complaints()).collect();
    assert_upheld(
        "kernel <- operation, attestation, jose, storage <- proto <- runtime <- services <- countersign <- tests:",
        &found,
    );
}

#[test]
fn proto_types_stay_in_grpc_and_peers() {
    let found: Vec<_> = tree::files("crates", ".rs")
        .iter()
        .filter(|file| file.crate_name().is_some_and(|name| SERVICES.contains(&name)))
        .filter(|file| !is_edge(&file.path))
        .flat_map(|file| proto_complaints(&file.path, &file.text))
        .collect();
    assert_upheld("a service uses proto in `grpc` and `peers` only:", &found);
}

#[test]
fn every_wrong_dependency_is_noticed() {
    for (name, section) in [
        ("kernel", "[dependencies]\nstorage.workspace = true"),
        ("jose", "[dependencies]\noperation.workspace = true"),
        ("policy", "[dependencies]\nmfa-devices.workspace = true"),
        ("policy", "[dev-dependencies]\nmfa-devices.workspace = true"),
        ("policy", "[dependencies]\ntestkit.workspace = true"),
        ("runtime", "[dependencies]\njsonwebtoken.workspace = true"),
        ("runtime", "[target.'cfg(unix)'.dependencies]\ncountersign.workspace = true"),
        ("runtime", "[build-dependencies]\nhidden = { package = \"policy\", path = \"../policy\" }"),
        ("novelty", "[dependencies]"),
    ] {
        let text = format!("[package]\nname = \"{name}\"\n{section}\n");
        assert_eq!(Manifest::parse("Cargo.toml", &text).complaints().len(), 1, "{text}");
    }
}

#[test]
fn a_right_manifest_is_left_alone() {
    let text = "[package]\nname = \"policy\"\n[dependencies]\nruntime.workspace = true\nserde = \"1\"\n\
                [dev-dependencies]\ntestkit.workspace = true\n";
    assert_eq!(Manifest::parse("Cargo.toml", text).complaints(), Vec::<String>::new());
}

#[test]
fn protos_outside_their_rooms_are_noticed() {
    assert_eq!(proto_complaints("bad.rs", "use proto::policy::v1 as pb; fn f(x: ::proto::A) {}").len(), 2);
    assert_eq!(
        proto_complaints("good.rs", "fn f(proto: u8) { crate::proto_like::g(proto) }"),
        Vec::<String>::new()
    );
    assert!(is_edge("crates/policy/src/grpc.rs") && is_edge("crates/policy/src/peers/devices.rs"));
    assert!(!is_edge("crates/policy/src/domain/grpc.rs") && !is_edge("crates/policy/src/lib.rs"));
}
