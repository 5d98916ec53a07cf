//! What is known of a user's factors when an action is judged.

use kernel::{Acr, DeviceId, FactorKind, Timestamp};

/// A verified second factor, or a set of recovery codes that stands beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedFactor {
    /// The device.
    pub(crate) device: DeviceId,
    /// Its kind.
    pub(crate) kind: FactorKind,
    /// When it was verified first; of recovery codes, when the set was made.
    pub(crate) verified: Timestamp,
    /// Of recovery codes: whether none is left.
    pub(crate) exhausted: bool,
}

/// What is known of all of a user's second factors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactorFacts {
    /// The verified factors.
    pub(crate) factors: Vec<VerifiedFactor>,
    /// Whether the user ever had one.
    pub(crate) ever_verified: bool,
    /// Whether the session is the first in which this user was seen.
    pub(crate) first_session: bool,
}

impl FactorFacts {
    /// Whether the user has a second factor. Recovery codes stand in for one, they are none.
    pub(crate) fn has_factor(&self) -> bool {
        self.factors.iter().any(|held| held.kind.is_factor())
    }

    /// Whether the user never had one, for certain.
    pub(crate) fn never_had_factor(&self) -> bool {
        !self.ever_verified && self.factors.is_empty()
    }

    /// What is held that can make a new proof which reaches the `acr`. Recovery codes count beside a factor only, and as
    /// long as one is left.
    pub(crate) fn reaching(&self, acr: Acr) -> impl Iterator<Item = &VerifiedFactor> {
        let has_factor = self.has_factor();
        self.factors.iter().filter(move |held| has_factor && !held.exhausted && held.kind.acr() >= acr)
    }

    /// The most that a proof by a held factor reaches.
    pub(crate) fn strongest(&self) -> Option<Acr> {
        self.factors.iter().map(|held| held.kind).filter(|kind| kind.is_factor()).map(FactorKind::acr).max()
    }

    /// When this device was verified, if it is held.
    pub(crate) fn verified(&self, device: DeviceId) -> Option<Timestamp> {
        self.factors.iter().find(|held| held.device == device).map(|held| held.verified)
    }
}

/// The kind of client that a user acts through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// Speaks gRPC, and so can bind a proof to an operation.
    Grpc,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kinds: &[FactorKind]) -> FactorFacts {
        let factors = kinds.iter().enumerate().map(|(index, kind)| VerifiedFactor {
            device: DeviceId::from_uuid(uuid::Uuid::from_u128(index as u128)),
            kind: *kind,
            verified: Timestamp::from_millis(0),
            exhausted: false,
        });
        FactorFacts { factors: factors.collect(), ever_verified: true, first_session: false }
    }

    fn reaching(kinds: &[FactorKind], acr: Acr) -> Vec<FactorKind> {
        facts(kinds).reaching(acr).map(|held| held.kind).collect()
    }

    #[test]
    fn recovery_codes_alone_are_nothing() {
        let alone = facts(&[FactorKind::RecoveryCode]);
        assert!(!alone.has_factor());
        assert_eq!(alone.strongest(), None);
        assert_eq!(alone.reaching(Acr::Recovery).count(), 0);
        // Nor are they proof that their owner never had a factor.
        let unheard_of = FactorFacts { ever_verified: false, ..alone };
        assert!(!unheard_of.never_had_factor());
        assert!(FactorFacts::default().never_had_factor());
    }

    #[test]
    fn beside_a_factor_recovery_codes_reach_their_own_strength_and_add_none() {
        use FactorKind::{Passkey, RecoveryCode, Totp};

        assert_eq!(reaching(&[Totp, RecoveryCode], Acr::Recovery), [Totp, RecoveryCode]);
        assert_eq!(reaching(&[Totp, RecoveryCode], Acr::Otp), [Totp]);
        assert_eq!(facts(&[Totp, RecoveryCode]).strongest(), Some(Acr::Otp));
        assert_eq!(facts(&[Totp, Passkey, RecoveryCode]).strongest(), Some(Acr::Phr));
        assert_eq!(reaching(&[Totp, Passkey], Acr::Phr), [Passkey]);
        assert_eq!(reaching(&[Totp, Passkey], Acr::Phrh), []);
    }
}
