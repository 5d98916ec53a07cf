//! Use cases: a user looks at its devices, names one, and chooses the one to offer first.

use kernel::{DeviceId, Error, Reason, Result, SessionId, Timestamp};

use crate::domain::{Device, DisplayName, Holdings, Owner, RecoverySet};
use crate::service::{Caller, Service};

/// A device as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The device.
    pub(crate) device: Device,
    /// Whether it is the one to offer first.
    pub(crate) is_default: bool,
}

impl Shown {
    /// A device of these.
    pub(crate) fn new(device: &Device, holdings: &Holdings) -> Self {
        Self { device: device.clone(), is_default: holdings.default == Some(device.id) }
    }

    /// The version of what its owner can change, as an etag.
    pub(crate) fn etag(&self) -> String {
        etag(&self.device)
    }
}

fn etag(device: &Device) -> String {
    format!("\"{}\"", device.revision)
}

/// What other services are told of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The devices.
    pub(crate) holdings: Holdings,
    /// The recovery codes, while they count.
    pub(crate) recovery: Option<RecoverySet>,
    /// Whether the session that was asked about is the first in which the user was seen.
    pub(crate) first_session: bool,
}

/// Some of a user's devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The devices, oldest first.
    pub(crate) devices: Vec<Shown>,
    /// Where the next page goes on, when there is one.
    pub(crate) next: Option<Place>,
}

/// Where a device stands in a list: by when it was registered. Holds also when the device is gone.
pub(crate) type Place = (Timestamp, DeviceId);

fn place(device: &Device) -> Place {
    (device.created, device.id)
}

impl Service {
    /// The devices that the session sees, oldest first: after `after`, at most `limit`.
    pub(crate) async fn list(&self, caller: &Caller, after: Option<Place>, limit: usize) -> Result<Page> {
        let holdings = self.store.holdings(caller.owner).await?;
        let seen = holdings.seen_by(&caller.session, caller.at);
        let rest: Vec<_> =
            seen.into_iter().filter(|device| after.is_none_or(|after| after < place(device))).collect();
        let devices: Vec<_> = rest.iter().take(limit).map(|device| Shown::new(device, &holdings)).collect();
        let last = devices.last().map(|shown| place(&shown.device));
        Ok(Page { next: last.filter(|_| rest.len() > limit), devices })
    }

    /// A device. Refused with `RESOURCE_NOT_FOUND`.
    pub(crate) async fn get(&self, caller: &Caller, device: DeviceId) -> Result<Shown> {
        self.find(caller, device).await?.ok_or_else(Error::not_found)
    }

    /// A device that the session sees.
    pub(crate) async fn find(&self, caller: &Caller, device: DeviceId) -> Result<Option<Shown>> {
        let holdings = self.store.holdings(caller.owner).await?;
        Ok(holdings.seen(device, &caller.session, caller.at).map(|found| Shown::new(found, &holdings)))
    }

    /// Renames a device; with an etag, only if it is the current one. Refused with `RESOURCE_NOT_FOUND` or
    /// `ETAG_MISMATCH`.
    pub(crate) async fn rename(
        &self,
        caller: &Caller,
        device: DeviceId,
        name: &DisplayName,
        expected: Option<&str>,
    ) -> Result<Shown> {
        let found = self.get(caller, device).await?;
        if expected.is_some_and(|expected| expected != found.etag()) {
            return Err(changed());
        }
        caller.trail.intend().await?;
        if !self.store.rename(caller.owner, device, name, found.device.revision, caller.at).await? {
            // Gone or changed since it was read.
            self.get(caller, device).await?;
            return Err(changed());
        }
        self.get(caller, device).await
    }

    /// Makes a factor the one to offer first. Refused with `RESOURCE_NOT_FOUND`, also for a pending device.
    pub(crate) async fn set_default(&self, caller: &Caller, device: DeviceId) -> Result<Shown> {
        let found = self.get(caller, device).await?;
        if found.device.verified_since().is_none() {
            return Err(Error::not_found());
        }
        caller.trail.intend().await?;
        if !self.store.set_default(caller.owner, device, caller.at).await? {
            return Err(Error::not_found());
        }
        self.get(caller, device).await
    }

    /// What other services are told of a user. Somebody unknown has nothing. Asked about in a session, the user was seen in
    /// it.
    pub(crate) async fn facts(
        &self,
        owner: Owner,
        session: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Facts> {
        let set = self.recovery.recovery_set(owner, now).await?;
        let holdings = self.store.holdings(owner).await?;
        let first_session = match (session, &holdings.first_session) {
            (None, _) => false,
            (Some(session), Some(first)) => session == first,
            (Some(session), None) => self.users.see(owner, session).await?,
        };
        // The last factor may have gone in between, and the codes with it.
        let recovery = set.filter(|set| set.counts(now) && holdings.has_factor());
        Ok(Facts { holdings, recovery, first_session })
    }
}

fn changed() -> Error {
    Error::new(Reason::EtagMismatch, "the device was changed since it was read; read it again")
}
