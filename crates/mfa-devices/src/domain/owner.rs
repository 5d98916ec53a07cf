//! Whose factors they are.

use kernel::{DeviceId, EnvironmentId, ProofId, UserId};

/// A user of an environment. Every question to the store begins with one, so that it cannot be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Owner {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
}

impl Owner {
    /// The resource name of a device of this user, for the audit trail.
    pub(crate) fn device_name(self, device: DeviceId) -> String {
        format!("environments/{}/users/{}/devices/{device}", self.environment, self.user)
    }

    /// The resource name of a proof of this user, for the audit trail: with it an auditor finds its evidence.
    pub(crate) fn proof_name(self, proof: ProofId) -> String {
        format!("environments/{}/users/{}/proofs/{proof}", self.environment, self.user)
    }
}
