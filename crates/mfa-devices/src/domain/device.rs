//! A registered second factor, and how far it has come.

use std::time::Duration;

use kernel::{DeviceId, Error, FactorKind, Result, SessionId, Timestamp};

use super::passkey::{Aaguid, CredentialId, Transports};
use super::totp::TotpParameters;

/// How long a registered device may wait for its first right code.
pub(crate) const PENDING_LIFE: Duration = Duration::from_secs(15 * 60);

/// How many devices of one user may wait at the same time, over all sessions.
pub(crate) const MAX_PENDING: usize = 5;

/// The revision of a device that was never changed.
pub(crate) const FIRST_REVISION: i64 = 1;

/// The longest name in characters (Unicode scalar values).
const MAX_NAME: usize = 64;

/// What its owner calls a device: at most 64 characters, none of them a control character; may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DisplayName(String);

impl DisplayName {
    /// Refused with `INVALID_REQUEST`; `field` is the request's field.
    pub(crate) fn new(field: &str, text: &str) -> Result<Self> {
        if text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Error::invalid(
                field,
                "must be at most 64 characters, none of them a control character",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// By what right a pending device may become a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entitlement {
    /// A fresh session, because the user had no factor. Void as soon as there is one.
    FirstFactor,
    /// A spent receipt for adding one.
    Receipt,
}

/// How far a device has come, with what shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Registered; not a factor.
    Pending {
        /// The session that registered it and alone may prove it.
        session: SessionId,
        /// By what right.
        entitlement: Entitlement,
    },
    /// A factor.
    Verified {
        /// When it first proved something.
        since: Timestamp,
        /// When it last did.
        last_use: Timestamp,
    },
}

/// What kind of device it is, with what its owner may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceKind {
    /// Time-based one-time passwords.
    Totp(TotpParameters),
    /// A WebAuthn credential.
    Passkey(PasskeyDetails),
}

impl DeviceKind {
    /// The kind of factor that it is.
    pub(crate) const fn factor(&self) -> FactorKind {
        match self {
            Self::Totp(_) => FactorKind::Totp,
            Self::Passkey(_) => FactorKind::Passkey,
        }
    }
}

/// What is known of a passkey, without what its signatures are verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PasskeyDetails {
    /// What its authenticator calls it.
    pub(crate) credential_id: CredentialId,
    /// The model; not verified.
    pub(crate) aaguid: Aaguid,
    /// How its authenticator can be reached.
    pub(crate) transports: Transports,
    /// Whether it may be backed up or synced. Never changes.
    pub(crate) backup_eligible: bool,
    /// Whether it was backed up when it last proved something.
    pub(crate) backup_state: bool,
    /// The relying party that it is for.
    pub(crate) rp_id: String,
}

/// A device without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// Its id.
    pub(crate) id: DeviceId,
    /// Its kind.
    pub(crate) kind: DeviceKind,
    /// What its owner calls it.
    pub(crate) display_name: DisplayName,
    /// When it was registered.
    pub(crate) created: Timestamp,
    /// How far it has come.
    pub(crate) state: State,
    /// Grows with every change of what its owner can change.
    pub(crate) revision: i64,
}

impl Device {
    /// The kind of factor that it is, or may become.
    pub(crate) const fn factor(&self) -> FactorKind {
        self.kind.factor()
    }

    /// How it computes its codes, if it is a TOTP device.
    pub(crate) const fn totp(&self) -> Option<TotpParameters> {
        match self.kind {
            DeviceKind::Totp(parameters) => Some(parameters),
            DeviceKind::Passkey(_) => None,
        }
    }

    /// Since when it is a factor, if it is one.
    pub(crate) fn verified_since(&self) -> Option<Timestamp> {
        match &self.state {
            State::Verified { since, .. } => Some(*since),
            State::Pending { .. } => None,
        }
    }

    /// Whether it waits for its first code. Not any more once its time is over.
    pub(crate) fn is_waiting(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Pending { .. }) && now < self.created.plus(PENDING_LIFE)
    }

    /// Whether this session may see and change it. A factor is for every session of its owner, a pending device only
    /// for the one that registered it, and after its time for none.
    pub(crate) fn is_seen_by(&self, session: &SessionId, now: Timestamp) -> bool {
        match &self.state {
            State::Verified { .. } => true,
            State::Pending { session: own, .. } => own == session && self.is_waiting(now),
        }
    }

    /// Whether its first right code makes it a factor now, when it comes in this session: decided again each time, as
    /// the user may have got another factor since it was registered.
    pub(crate) fn may_become_factor(&self, session: &SessionId, has_factor: bool, now: Timestamp) -> bool {
        match &self.state {
            State::Verified { .. } => false,
            State::Pending { session: own, entitlement } => {
                own == session
                    && self.is_waiting(now)
                    && (*entitlement == Entitlement::Receipt || !has_factor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, pending, session};

    #[test]
    fn names_are_bounded_and_have_no_control_characters() {
        assert!(DisplayName::new("display_name", "").is_ok());
        assert!(DisplayName::new("display_name", &"ü".repeat(64)).is_ok());
        for bad in ["x".repeat(65), "a\nb".to_owned(), "\u{7f}".to_owned()] {
            let error = DisplayName::new("device.display_name", &bad).unwrap_err();
            assert_eq!(error.violations()[0].field, "device.display_name");
        }
    }

    #[test]
    fn a_pending_device_is_for_its_own_session_and_its_own_time() {
        let device = pending("s-1", Entitlement::FirstFactor, NOW);
        let end = NOW.plus(PENDING_LIFE);
        assert!(device.is_seen_by(&session("s-1"), NOW));
        assert!(!device.is_seen_by(&session("s-2"), NOW));
        assert!(!device.is_seen_by(&session("s-1"), end));
        assert!(device.may_become_factor(&session("s-1"), false, end.minus(Duration::from_millis(1))));
        assert!(!device.may_become_factor(&session("s-1"), false, end));
        assert!(!device.may_become_factor(&session("s-2"), false, NOW));
    }

    #[test]
    fn the_right_of_a_first_factor_ends_when_there_is_one() {
        let first = pending("s-1", Entitlement::FirstFactor, NOW);
        let further = pending("s-1", Entitlement::Receipt, NOW);
        assert!(!first.may_become_factor(&session("s-1"), true, NOW));
        assert!(further.may_become_factor(&session("s-1"), true, NOW));
    }
}
