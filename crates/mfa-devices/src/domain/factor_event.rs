//! What happened to a user's factors, for who tells the user.

use kernel::{DeviceId, FactorKind, Timestamp};

use super::Owner;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A factor was verified for the first time.
    FactorAdded,
    /// A factor was removed by its owner.
    FactorRemoved,
    /// A factor was renamed.
    FactorRenamed,
    /// Another factor is the one to offer first.
    DefaultChanged,
    /// Recovery codes were made; older ones are dead.
    RecoveryCodesMade,
    /// Recovery codes were shown once more.
    RecoveryCodesShown,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// An administrator took all factors from the user.
    UserReset,
    /// An administrator had wrong codes forgotten.
    ThrottleCleared,
    /// A passkey's counter went back; what it proved was refused.
    PasskeyCloneSuspected,
}

impl Happening {
    /// Every one.
    pub(crate) const ALL: [Self; 10] = [
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::FactorRenamed,
        Self::DefaultChanged,
        Self::RecoveryCodesMade,
        Self::RecoveryCodesShown,
        Self::RecoveryCodeUsed,
        Self::UserReset,
        Self::ThrottleCleared,
        Self::PasskeyCloneSuspected,
    ];

    /// As it stands in its column.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::FactorAdded => "factor-added",
            Self::FactorRemoved => "factor-removed",
            Self::FactorRenamed => "factor-renamed",
            Self::DefaultChanged => "default-changed",
            Self::RecoveryCodesMade => "recovery-codes-made",
            Self::RecoveryCodesShown => "recovery-codes-shown",
            Self::RecoveryCodeUsed => "recovery-code-used",
            Self::UserReset => "user-reset",
            Self::ThrottleCleared => "throttle-cleared",
            Self::PasskeyCloneSuspected => "passkey-clone-suspected",
        }
    }

    /// From its column.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FactorEvent {
    /// What.
    pub(crate) what: Happening,
    /// The device, where one is concerned.
    pub(crate) device: Option<DeviceId>,
    /// The kind of factor, where one is concerned.
    pub(crate) kind: Option<FactorKind>,
    /// When.
    pub(crate) at: Timestamp,
    /// Of a used recovery code: how many are left.
    pub(crate) remaining: u32,
}

impl FactorEvent {
    /// That concerns a device.
    pub(crate) const fn of(what: Happening, kind: FactorKind, device: DeviceId, at: Timestamp) -> Self {
        Self { what, device: Some(device), kind: Some(kind), at, remaining: 0 }
    }

    /// That concerns the user.
    pub(crate) const fn of_user(what: Happening, at: Timestamp) -> Self {
        Self { what, device: None, kind: None, at, remaining: 0 }
    }

    /// The same of one kind of factor.
    #[must_use]
    pub(crate) const fn with_kind(self, kind: FactorKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The same with what is left.
    #[must_use]
    pub(crate) const fn with_remaining(self, remaining: u32) -> Self {
        Self { remaining, ..self }
    }
}

/// One that is not acknowledged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Its place in the order of events.
    pub(crate) sequence: u64,
    /// Whose factors.
    pub(crate) owner: Owner,
    /// What happened.
    pub(crate) event: FactorEvent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_happening_comes_back_from_its_column() {
        for what in Happening::ALL {
            assert_eq!(Happening::parse(what.as_str()), Some(what));
        }
        assert_eq!(Happening::parse("factor_added"), None);
    }
}
