//! What is known of a user's second factors, and of one that was proved.

use kernel::{Acr, DeviceId, FactorKind, ProofId, Scope, Timestamp};

use super::requirement::{Binding, TokenBehavior};

/// A verified second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedFactor {
    /// The device.
    pub(crate) device: DeviceId,
    /// Its kind.
    pub(crate) kind: FactorKind,
    /// When its first right answer verified it.
    pub(crate) verified: Timestamp,
    /// Whether it is the one to offer first.
    pub(crate) is_default: bool,
    /// What its owner calls it; may be empty.
    pub(crate) display_name: String,
}

/// All of a user's second factors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactorFacts {
    /// The verified factors, oldest first.
    pub(crate) factors: Vec<VerifiedFactor>,
    /// Whether the user ever had one.
    pub(crate) ever_verified: bool,
}

impl FactorFacts {
    /// The factor, as long as it is one.
    pub(crate) fn factor(&self, device: DeviceId) -> Option<&VerifiedFactor> {
        self.factors.iter().find(|factor| factor.device == device)
    }
}

/// A code that was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactorProof {
    /// Names the verification; the same for a retry of the request.
    pub(crate) id: ProofId,
    /// The device that the code fits.
    pub(crate) device: DeviceId,
    /// Its kind.
    pub(crate) kind: FactorKind,
    /// When the code was verified; of a retry, when it first was.
    pub(crate) auth_time: Timestamp,
}

/// A proof as policy judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// How strong it is.
    pub(crate) acr: Acr,
    /// The kind of factor.
    pub(crate) kind: FactorKind,
    /// The device.
    pub(crate) device: DeviceId,
    /// When the factor was verified.
    pub(crate) auth_time: Timestamp,
    /// What its token may be used for.
    pub(crate) scopes: Vec<Scope>,
    /// How closely its token is tied to the operation to be decided.
    pub(crate) binding: Binding,
    /// How its token may be used.
    pub(crate) token_behavior: TokenBehavior,
}
