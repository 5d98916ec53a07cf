//! Which factors are too young to pay. Who takes over a session for an hour must not be able to add a factor and have
//! it pay at once for what cannot be undone.

use std::time::Duration;

use kernel::Timestamp;

use super::facts::VerifiedFactor;

/// What holds young factors off, for one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// No factor is too young.
    Off,
    /// What is younger does not pay.
    On {
        /// How long a factor is young, in seconds.
        seconds: u32,
        /// Of the removal of a factor: when that one was verified. Only what was verified after it is held off, so that
        /// a young factor can remove itself and those that came later.
        guarded: Option<Timestamp>,
    },
}

impl Hold {
    /// When the factor may pay; none if it may already.
    pub(crate) fn ends_for(self, factor: &VerifiedFactor, now: Timestamp) -> Option<Timestamp> {
        let Self::On { seconds, guarded } = self else { return None };
        let end = factor.verified.plus(Duration::from_secs(seconds.into()));
        let is_younger = guarded.is_none_or(|guarded| factor.verified > guarded);
        (is_younger && now < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{DeviceId, FactorKind};

    fn verified(second: i64) -> VerifiedFactor {
        VerifiedFactor {
            device: DeviceId::from_uuid(uuid::Uuid::from_u128(1)),
            kind: FactorKind::Totp,
            verified: Timestamp::from_seconds(second),
            exhausted: false,
        }
    }

    fn ends(hold: Hold, second: i64, now_millis: i64) -> Option<i64> {
        hold.ends_for(&verified(second), Timestamp::from_millis(now_millis)).map(Timestamp::seconds)
    }

    #[test]
    fn a_hold_ends_to_the_millisecond() {
        let hold = Hold::On { seconds: 100, guarded: None };
        assert_eq!(ends(hold, 1_000, 1_000_000), Some(1_100));
        assert_eq!(ends(hold, 1_000, 1_099_999), Some(1_100));
        assert_eq!(ends(hold, 1_000, 1_100_000), None);
        assert_eq!(ends(Hold::Off, 1_000, 1_000_000), None);
        // What lies in the future is as young as can be.
        assert_eq!(ends(hold, 2_000, 1_000_000), Some(2_100));
        assert_eq!(ends(Hold::Off, 2_000, 1_000_000), None);
    }

    #[test]
    fn only_what_is_younger_than_the_guarded_is_held_off() {
        let hold = |guarded| Hold::On { seconds: 100, guarded: Some(Timestamp::from_seconds(guarded)) };
        assert_eq!(ends(hold(999), 1_000, 1_050_000), Some(1_100));
        assert_eq!(ends(hold(1_000), 1_000, 1_050_000), None, "itself");
        assert_eq!(ends(hold(1_001), 1_000, 1_050_000), None, "a later one");
        assert_eq!(ends(hold(0), 1_000, 1_100_000), None, "not young any more");
    }
}
