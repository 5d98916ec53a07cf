//! On whose behalf a use case runs.

use kernel::{EnvironmentId, SecretText, UserId};
use storage::Trail;

/// A signed-in user.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The environment of the session.
    pub(crate) environment: EnvironmentId,
    /// The user of the session.
    pub(crate) user: UserId,
    /// The session token, to ask the issuer with.
    pub(crate) bearer: SecretText,
    /// What is written down about the call.
    pub(crate) trail: Trail,
}
