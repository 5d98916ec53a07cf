//! The devices in SQL, on SQLite and Postgres alike; [`ceremonies`] in Redis or memory.
//!
//! Every change of what a user has begins with the row of its owner in `factor_owners`, which makes the changes of
//! one user queue up, whatever process they come from. What a receipt paid for, and that it paid, is one transaction.
//! The throttle has a row of its own, which is changed by compare-and-set in a statement of its own.

mod accepting;
pub(crate) mod ceremonies;
mod changing;
#[cfg(test)]
mod contract;
mod decoys;
mod enrolling;
mod entity;
mod outbox;
mod owners;
mod passkeys;
mod proving;
mod reading;
mod recovery;
mod rewrap;
#[cfg(test)]
mod tests;
mod throttling;
mod users;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{DeviceId, EnvironmentId, FactorKind, ProofId, RequestId, Result, SessionId, Timestamp};
use sea_orm::DatabaseConnection;
use storage::spending::Spend;
use storage::{Sealer, Spending};

use crate::domain::{DisplayName, Holdings, Outgoing, Owner, Proof, RecoverySet, Restored, Seed, Throttle};
use crate::ports::{
    Acceptance, Born, Candidates, CodeUse, DeviceStore, Enrolled, Enrolment, Evidence, HeldPasskey, Leaving,
    Made, Making, PasskeyBirth, PasskeyStore, RecoveryStore, Removal, Showing, ShownAgain, Signed,
    SignedOutcome, Taken, Try, UserStore,
};

pub use decoys::DecoySecret;
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
        now: Timestamp,
    ) -> Result<bool> {
        changing::rename(&self.database, owner, device, name, revision, now).await
    }

    async fn set_default(&self, owner: Owner, device: DeviceId, now: Timestamp) -> Result<bool> {
        changing::set_default(&self.database, owner, device, now).await
    }

    async fn discard(&self, owner: Owner, device: DeviceId, session: &SessionId) -> Result<bool> {
        changing::discard(&self.database, owner, device, session).await
    }

    async fn remove(&self, owner: Owner, leaving: &Leaving) -> Result<Removal> {
        changing::remove(&self.database, owner, leaving).await
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

#[async_trait]
impl RecoveryStore for SqlDeviceStore {
    async fn recovery_set(&self, owner: Owner, now: Timestamp) -> Result<Option<RecoverySet>> {
        recovery::touch(&self.database, owner, self.restored, now).await
    }

    async fn make_codes(&self, owner: Owner, making: &Making) -> Result<Made> {
        recovery::make(&self.database, &self.sealer, owner, making, self.restored).await
    }

    async fn show_codes(&self, owner: Owner, showing: &Showing) -> Result<ShownAgain> {
        recovery::show(&self.database, &self.sealer, owner, showing, self.restored).await
    }

    async fn acknowledge_codes(&self, owner: Owner) -> Result<Option<RecoverySet>> {
        recovery::acknowledge(&self.database, owner, self.restored).await
    }

    async fn unused_codes(&self, owner: Owner) -> Result<Option<Candidates>> {
        recovery::unused(&self.database, owner, self.restored).await
    }

    async fn use_code(&self, owner: Owner, code: &CodeUse) -> Result<Option<u32>> {
        recovery::use_up(&self.database, owner, code).await
    }
}

#[async_trait]
impl UserStore for SqlDeviceStore {
    async fn see(&self, owner: Owner, session: &SessionId) -> Result<bool> {
        users::see(&self.database, owner, session).await
    }

    async fn reset(&self, owner: Owner, forget_ever_verified: bool, now: Timestamp) -> Result<Taken> {
        users::reset(&self.database, owner, forget_ever_verified, now).await
    }

    async fn clear_throttle(&self, owner: Owner, kind: FactorKind, now: Timestamp) -> Result<Throttle> {
        users::clear_throttle(&self.database, owner, kind, now).await
    }

    async fn events(&self, environment: EnvironmentId, after: u64, limit: u64) -> Result<Vec<Outgoing>> {
        outbox::after(&self.database, environment, after, limit).await
    }

    async fn delivered(&self, environment: EnvironmentId, sequences: &[u64]) -> Result<u64> {
        outbox::delivered(&self.database, environment, sequences).await
    }
}
