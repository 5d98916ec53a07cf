//! The devices in SQL, on SQLite and Postgres alike.
//!
//! Every change of what a user has begins with the row of its owner in `factor_owners`, which makes the changes of
//! one user queue up, whatever process they come from. What a receipt paid for, and that it paid, is one transaction.
//! The throttle has a row of its own, which is changed by
//! compare-and-set in a statement of its own.

mod accepting;
mod changing;
#[cfg(test)]
mod contract;
mod enrolling;
mod entity;
mod owners;
mod passkeys;
mod proving;
mod reading;
mod rewrap;
#[cfg(test)]
mod tests;
mod throttling;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{DeviceId, FactorKind, ProofId, RequestId, Result, SessionId, Timestamp};
use sea_orm::DatabaseConnection;
use storage::spending::Spend;
use storage::{Sealer, Spending};

use crate::domain::{DisplayName, Holdings, Owner, Proof, Restored, Seed, Throttle};
use crate::ports::{
    Acceptance, Born, DeviceStore, Enrolled, Enrolment, Evidence, HeldPasskey, PasskeyBirth, PasskeyStore,
    Removal, Signed, SignedOutcome, Try,
};

pub use rewrap::SEALED;

/// Where a sealed seed belongs.
const SEED_COLUMN: &str = "totp_secrets.secret";

/// The devices in a database whose migrations are [`crate::Migrator`]'s.
#[derive(Clone, Debug)]
pub(crate) struct SqlDeviceStore {
    database: DatabaseConnection,
    sealer: Arc<Sealer>,
    restored: Option<Restored>,
}

impl SqlDeviceStore {
    /// Seeds are sealed and opened by `sealer`.
    pub(crate) fn new(database: DatabaseConnection, sealer: Arc<Sealer>) -> Self {
        Self { database, sealer, restored: None }
    }

    /// The same on a database that was put back: of the tries until then the worst is taken.
    #[must_use]
    pub(crate) fn restored(self, restored: Option<Restored>) -> Self {
        Self { restored, ..self }
    }

    /// The record of tries as it counts.
    fn judge(&self, throttle: Throttle) -> Throttle {
        self.restored.map_or(throttle, |restored| restored.judge(throttle))
    }
}

#[async_trait]
impl DeviceStore for SqlDeviceStore {
    async fn holdings(&self, owner: Owner) -> Result<Holdings> {
        reading::holdings(&self.database, owner).await
    }

    async fn seed(&self, owner: Owner, device: DeviceId) -> Result<Option<Seed>> {
        reading::seed(&self.database, &self.sealer, owner, device).await
    }

    async fn spend(&self, spend: &Spend, now: Timestamp) -> Result<()> {
        Spending::new(self.database.clone()).spend(spend, now).await.map(drop)
    }

    async fn enrol(&self, owner: Owner, enrolment: &Enrolment) -> Result<Enrolled> {
        enrolling::enrol(&self.database, &self.sealer, owner, enrolment).await
    }

    async fn accept(&self, owner: Owner, acceptance: &Acceptance) -> Result<bool> {
        accepting::accept(&self.database, owner, acceptance).await
    }

    async fn proof(&self, owner: Owner, request: RequestId) -> Result<Option<Proof>> {
        reading::proof(&self.database, owner, request).await
    }

    async fn spend_grant(
        &self,
        owner: Owner,
        session: &SessionId,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<bool> {
        proving::spend_grant(&self.database, owner, session, now, max_age).await
    }

    async fn take_try(&self, owner: Owner, kind: FactorKind, now: Timestamp) -> Result<Try> {
        throttling::take(&self.database, owner, kind, now, |throttle| self.judge(throttle)).await
    }

    async fn give_back(&self, owner: Owner, kind: FactorKind) -> Result<()> {
        throttling::give_back(&self.database, owner, kind).await
    }

    async fn throttle(&self, owner: Owner, kind: FactorKind) -> Result<Throttle> {
        throttling::read(&self.database, owner, kind).await.map(|throttle| self.judge(throttle))
    }

    async fn rename(
        &self,
        owner: Owner,
        device: DeviceId,
        name: &DisplayName,
        revision: i64,
    ) -> Result<bool> {
        changing::rename(&self.database, owner, device, name, revision).await
    }

    async fn set_default(&self, owner: Owner, device: DeviceId) -> Result<bool> {
        changing::set_default(&self.database, owner, device).await
    }

    async fn discard(&self, owner: Owner, device: DeviceId, session: &SessionId) -> Result<bool> {
        changing::discard(&self.database, owner, device, session).await
    }

    async fn remove(
        &self,
        owner: Owner,
        device: DeviceId,
        keep_last: bool,
        payment: &Spend,
    ) -> Result<Removal> {
        changing::remove(&self.database, owner, device, keep_last, payment).await
    }
}

#[async_trait]
impl PasskeyStore for SqlDeviceStore {
    async fn passkeys(&self, owner: Owner) -> Result<Vec<HeldPasskey>> {
        passkeys::held(&self.database, owner).await
    }

    async fn register_passkey(&self, owner: Owner, birth: &PasskeyBirth) -> Result<Born> {
        passkeys::register(&self.database, owner, birth).await
    }

    async fn accept_signature(&self, owner: Owner, signed: &Signed) -> Result<SignedOutcome> {
        passkeys::accept(&self.database, owner, signed).await
    }

    async fn evidence(&self, owner: Owner, proof: ProofId) -> Result<Option<Evidence>> {
        passkeys::evidence(&self.database, owner, proof).await
    }
}
