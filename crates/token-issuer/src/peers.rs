//! The other services of the suite, behind the ports.

mod convert;
mod factors;
mod policy;

use std::time::Duration;

use kernel::{Error, Reason};
use tonic::Status;

pub(crate) use factors::FactorsPeer;
pub(crate) use policy::PolicyPeer;

/// How long a peer may take to answer.
const DEADLINE: Duration = Duration::from_secs(3);

/// The refusal that a peer's answer stands for: one of those `expected` as it is; anything else means that the peer
/// did not do its part, whatever it says.
fn refusal(status: &Status, expected: &[Reason], away: &'static str) -> Error {
    let error = runtime::status::from_status(status);
    if expected.contains(&error.reason()) { error } else { unavailable(away, error) }
}

fn unavailable(away: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Reason::DependencyUnavailable, away).cause(cause)
}
