mod flaws;
mod forger;
mod soft;
mod w3c;

use super::*;
use crate::fixtures::owner;
use kernel::Reason;
use serde_json::{Value, json};

const ORIGIN: &str = "https://app.wallet.example";

fn party() -> RelyingParty {
    RelyingParty { id: "wallet.example".to_owned(), origins: vec![ORIGIN.to_owned()] }
}

fn judge() -> WebauthnAuthenticators {
    WebauthnAuthenticators::new(&crate::store::DecoySecret::of([3; 32]))
}

/// The challenges of two operations of one user, two purposes, two users.
fn challenge(number: u8) -> Challenge {
    let owner = crate::domain::Owner {
        environment: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap(),
        user: "7d444840-9dc0-11d1-b245-5ffdce74fad2".parse().unwrap(),
    };
    Challenge::of_proof([1; 32], owner, [number; 32], Some([2; 32]))
}

fn wanted(handle: UserHandle, exclude: &[PasskeyCredential]) -> RegistrationWanted<'_> {
    RegistrationWanted { handle, name: "alice", exclude, challenge: challenge(1) }
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// The one reason of every flaw, and the flaw as the log has it.
fn flaw<T>(result: Result<T>) -> String {
    let Err(error) = result else { panic!("it was accepted") };
    assert_eq!(error.reason(), Reason::PasskeyRejected, "{error:?}");
    assert!(error.metadata().is_empty() && error.retry_delay().is_none());
    error.internal_cause().unwrap().to_string()
}
