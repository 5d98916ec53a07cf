//! Who knows one service knows all: each has the same rooms.

use super::tree;
use super::{SERVICES, assert_upheld};

/// The rooms of a service below its `src`, each as the spellings it may have.
const ROOMS: [&[&str]; 5] =
    [&["domain/"], &["ports.rs"], &["grpc.rs", "grpc/mod.rs"], &["store/"], &["migrations/"]];

/// The rooms that are missing, where `present` tells whether something lies below the service's `src`.
fn missing_rooms(service: &str, present: impl Fn(&str) -> bool) -> Vec<String> {
    ROOMS
        .iter()
        .filter(|spellings| !spellings.iter().any(|path| present(path)))
        .map(|spellings| format!("crates/{service}/src/{} is missing", spellings.join(" or ")))
        .collect()
}

#[test]
fn every_service_has_the_same_rooms() {
    let found: Vec<_> = SERVICES
        .iter()
        .flat_map(|service| {
            missing_rooms(service, |path| tree::exists(&format!("crates/{service}/src/{path}")))
        })
        .collect();
    assert_upheld("a service has the rooms domain, ports, grpc, store and migrations:", &found);
}

#[test]
fn a_missing_room_is_noticed() {
    let whole = ["domain/", "ports.rs", "grpc/mod.rs", "store/", "migrations/"];
    assert_eq!(missing_rooms("policy", |path| whole.contains(&path)), Vec::<String>::new());
    for gone in whole {
        let found = missing_rooms("policy", |path| path != gone && whole.contains(&path));
        assert_eq!(found.len(), 1, "without {gone}");
    }
}
