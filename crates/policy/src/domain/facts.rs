//! What is known of a user's factors when an action is judged.

use kernel::{Acr, DeviceId, FactorKind};

/// A verified second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedFactor {
    /// The device.
    pub(crate) device: DeviceId,
    /// Its kind.
    pub(crate) kind: FactorKind,
}

/// What is known of all of a user's second factors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactorFacts {
    /// The verified factors.
    pub(crate) factors: Vec<VerifiedFactor>,
    /// Whether the user ever had one.
    pub(crate) ever_verified: bool,
}

impl FactorFacts {
    /// The kinds held whose proofs reach the `acr`.
    pub(crate) fn methods(&self, acr: Acr) -> Vec<FactorKind> {
        FactorKind::ALL
            .into_iter()
            .filter(|kind| kind.acr() >= acr && self.factors.iter().any(|factor| factor.kind == *kind))
            .collect()
    }

    /// The most that a proof by a held factor reaches.
    pub(crate) fn strongest(&self) -> Option<Acr> {
        self.factors.iter().map(|factor| factor.kind.acr()).max()
    }
}

/// The kind of client that a user acts through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// Speaks gRPC, and so can bind a proof to an operation.
    Grpc,
}
