//! All that one user has, and which of it a code may be tried on.

use kernel::{Acr, DeviceId, FactorKind, SessionId, Timestamp};

use super::device::Device;

/// A user's devices. Someone unknown has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// All of them, those whose time is over too.
    pub(crate) devices: Vec<Device>,
    /// The one to offer first.
    pub(crate) default: Option<DeviceId>,
    /// Whether there ever was a factor. Stays true when the last one is removed.
    pub(crate) ever_verified: bool,
    /// Counts the births of factors, and the times that all were taken from the user.
    pub(crate) generation: u64,
    /// The session in which the user was first seen; none for who never was.
    pub(crate) first_session: Option<SessionId>,
}

/// Which device a code is for, as the caller said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Whichever it fits.
    Any,
    /// This one.
    Named(DeviceId),
    /// This one, which is to become a factor by it.
    Activation(DeviceId),
    /// One that is named below somebody else: fits nothing.
    Foreign,
}

impl Holdings {
    /// The factors, oldest first.
    pub(crate) fn factors(&self) -> Vec<&Device> {
        let mut factors: Vec<_> =
            self.devices.iter().filter(|device| device.verified_since().is_some()).collect();
        factors.sort_by_key(|device| (device.verified_since(), device.id));
        factors
    }

    /// Whether there is a factor.
    pub(crate) fn has_factor(&self) -> bool {
        self.devices.iter().any(|device| device.verified_since().is_some())
    }

    /// How many factors of one kind there are.
    pub(crate) fn count(&self, kind: FactorKind) -> usize {
        self.factors().into_iter().filter(|device| device.factor() == kind).count()
    }

    /// The assurance of the strongest factor held.
    pub(crate) fn strongest(&self) -> Option<Acr> {
        self.factors().into_iter().map(|device| device.factor().acr()).max()
    }

    /// What this session sees, oldest first.
    pub(crate) fn seen_by(&self, session: &SessionId, now: Timestamp) -> Vec<&Device> {
        let mut seen: Vec<_> = self.devices.iter().filter(|device| device.is_seen_by(session, now)).collect();
        seen.sort_by_key(|device| (device.created, device.id));
        seen
    }

    /// One of what this session sees.
    pub(crate) fn seen(&self, device: DeviceId, session: &SessionId, now: Timestamp) -> Option<&Device> {
        self.devices.iter().find(|found| found.id == device && found.is_seen_by(session, now))
    }

    /// The devices that wait for their first code in other sessions.
    pub(crate) fn waiting_elsewhere(&self, session: &SessionId, now: Timestamp) -> Vec<&Device> {
        self.devices
            .iter()
            .filter(|device| device.is_waiting(now) && !device.is_seen_by(session, now))
            .collect()
    }

    /// The TOTP devices that a code in this session may be tried on. Without a name it is for every verified one; where
    /// the user has no factor of whatever kind, for the session's own pending device.
    pub(crate) fn candidates(&self, target: Target, session: &SessionId, now: Timestamp) -> Vec<&Device> {
        let has_factor = self.has_factor();
        let fits = |device: &Device| {
            let is_factor = device.verified_since().is_some();
            let may_become = device.may_become_factor(session, has_factor, now);
            match target {
                Target::Any => is_factor || (!has_factor && may_become),
                Target::Named(id) => device.id == id && (is_factor || may_become),
                Target::Activation(id) => device.id == id && may_become,
                Target::Foreign => false,
            }
        };
        self.devices.iter().filter(|device| device.totp().is_some() && fits(device)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Entitlement, device::PENDING_LIFE};
    use crate::fixtures::{NOW, passkey, pending, session, verified};

    fn holdings(devices: Vec<Device>) -> Holdings {
        Holdings { devices, ..Holdings::default() }
    }

    fn ids(devices: &[&Device]) -> Vec<DeviceId> {
        devices.iter().map(|device| device.id).collect()
    }

    #[test]
    fn a_code_without_a_device_is_for_the_factors_or_else_for_the_sessions_own_pending_device() {
        let (own, other) =
            (pending("s-1", Entitlement::FirstFactor, NOW), pending("s-2", Entitlement::FirstFactor, NOW));
        let only_pending = holdings(vec![own.clone(), other]);
        assert_eq!(ids(&only_pending.candidates(Target::Any, &session("s-1"), NOW)), [own.id]);
        assert!(only_pending.candidates(Target::Any, &session("s-3"), NOW).is_empty());
        let late = NOW.plus(PENDING_LIFE);
        assert!(only_pending.candidates(Target::Any, &session("s-1"), late).is_empty());

        let factor = verified(NOW);
        let linked = pending("s-1", Entitlement::Receipt, NOW);
        let both = holdings(vec![own, linked, factor.clone()]);
        assert_eq!(ids(&both.candidates(Target::Any, &session("s-1"), NOW)), [factor.id]);
    }

    #[test]
    fn a_named_device_is_the_only_candidate() {
        let (first, second) = (verified(NOW), verified(NOW));
        let linked = pending("s-1", Entitlement::Receipt, NOW);
        let stale = pending("s-1", Entitlement::FirstFactor, NOW);
        let all = holdings(vec![first.clone(), second, linked.clone(), stale.clone()]);
        let found = |target| ids(&all.candidates(target, &session("s-1"), NOW));
        assert_eq!(found(Target::Named(first.id)), [first.id]);
        assert_eq!(found(Target::Named(linked.id)), [linked.id]);
        assert!(found(Target::Named(stale.id)).is_empty());
        assert_eq!(found(Target::Activation(linked.id)), [linked.id]);
        assert!(found(Target::Activation(first.id)).is_empty());
        assert!(found(Target::Foreign).is_empty());
    }

    #[test]
    fn factors_come_in_the_order_they_were_verified() {
        let (young, old) = (verified(NOW.plus(PENDING_LIFE)), verified(NOW));
        let all = holdings(vec![young.clone(), pending("s-1", Entitlement::Receipt, NOW), old.clone()]);
        assert_eq!(ids(&all.factors()), [old.id, young.id]);
        assert_eq!(all.strongest(), Some(Acr::Otp));
        assert_eq!(Holdings::default().strongest(), None);
    }

    #[test]
    fn the_strongest_factor_counts_and_a_code_is_not_for_a_passkey() {
        let (totp, key) = (verified(NOW), passkey(NOW));
        let all = holdings(vec![totp.clone(), key.clone()]);
        assert_eq!(all.strongest(), Some(Acr::Phr));
        assert_eq!((all.count(FactorKind::Totp), all.count(FactorKind::Passkey)), (1, 1));
        assert_eq!(ids(&all.candidates(Target::Any, &session("s-1"), NOW)), [totp.id]);
        assert!(all.candidates(Target::Named(key.id), &session("s-1"), NOW).is_empty());
        // Where a passkey is the factor, a device that was to be the first is not activated by the way.
        let stale = pending("s-1", Entitlement::FirstFactor, NOW);
        let linked = pending("s-1", Entitlement::Receipt, NOW);
        let beside = holdings(vec![key, stale, linked.clone()]);
        assert!(beside.candidates(Target::Any, &session("s-1"), NOW).is_empty());
        assert_eq!(ids(&beside.candidates(Target::Activation(linked.id), &session("s-1"), NOW)), [linked.id]);
    }
}
