//! The laws of the layout (ARCHITECTURE.md), checked over the files themselves, so that they hold by more than good
//! will. Each checker is a function from text to complaints; beside the test that runs it over the tree stand tests
//! that show it complaining.

mod callers;
mod dependencies;
mod documents;
mod errors;
mod hygiene;
mod log_check;
mod purity;
mod rooms;
mod rust;
mod statuses;
mod tree;

/// The crates that are services: each has the same rooms, and none names another.
const SERVICES: [&str; 5] = ["policy", "mfa-devices", "token-issuer", "waas-gateway", "mpc-signer"];

/// Fails with every complaint on a line of its own.
#[track_caller]
fn assert_upheld(law: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{law}\n  {}\n", complaints.join("\n  "));
}
