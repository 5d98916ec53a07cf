//! Ids that nothing else has.

use std::sync::OnceLock;

use kernel::{Clock as _, OperationId, RequestId, Timestamp};
use runtime::{OsEntropy, SystemClock};

/// Randomness of the operating system.
pub(crate) fn entropy() -> &'static OsEntropy {
    static ENTROPY: OnceLock<OsEntropy> = OnceLock::new();
    ENTROPY.get_or_init(OsEntropy::new)
}

/// The time that the suite's process sees, too.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// For an operation.
pub(crate) fn operation_id() -> OperationId {
    OperationId::random(entropy())
}

/// For a request.
pub(crate) fn request_id() -> String {
    RequestId::random(entropy()).to_string()
}

/// A UUID, for anything that there is not.
pub(crate) fn uuid() -> String {
    request_id()
}

/// A name that nobody had before, beginning in `prefix`.
pub(crate) fn name(prefix: &str) -> String {
    format!("{prefix}-{}", uuid())
}
