//! Use cases: administrators look at what a user has, take it away, and let codes be tested again; whoever tells users reads
//! the events of their factors.

use kernel::{EnvironmentId, Error, FactorKind, Result, Timestamp};
use storage::Trail;

use crate::domain::{Holdings, Outgoing, Owner, RecoverySet, Throttle};
use crate::ports::Taken;
use crate::service::Service;

/// The kinds of factors that are tested by codes.
pub(crate) const TESTED_BY_CODES: [FactorKind; 2] = [FactorKind::Totp, FactorKind::RecoveryCode];

/// All that is known of a user.
#[derive(Clone, Debug)]
pub(crate) struct UserFactors {
    /// The devices.
    pub(crate) holdings: Holdings,
    /// The recovery codes.
    pub(crate) recovery: Option<RecoverySet>,
    /// What was tried, by kind.
    pub(crate) throttles: Vec<(FactorKind, Throttle)>,
}

impl Service {
    /// What a user has. Somebody unknown has nothing.
    pub(crate) async fn user_factors(&self, owner: Owner, now: Timestamp) -> Result<UserFactors> {
        let mut throttles = Vec::with_capacity(TESTED_BY_CODES.len());
        for kind in TESTED_BY_CODES {
            throttles.push((kind, self.store.throttle(owner, kind).await?));
        }
        Ok(UserFactors {
            holdings: self.store.holdings(owner).await?,
            recovery: self.recovery.recovery_set(owner, now).await?,
            throttles,
        })
    }

    /// Takes all factors and recovery codes from a user, and ends what is under way for them. Once more changes nothing
    /// more.
    pub(crate) async fn reset_user(
        &self,
        owner: Owner,
        forget_ever_verified: bool,
        now: Timestamp,
        trail: &Trail,
    ) -> Result<Taken> {
        trail.intend().await?;
        let taken = self.users.reset(owner, forget_ever_verified, now).await?;
        // They are dead already, whatever becomes of this: of no passkey, or of another generation.
        self.ceremonies.forget_user(owner).await?;
        Ok(taken)
    }

    /// Forgets wrong codes of one kind. Refused with `INVALID_REQUEST` for a kind that is not tested by codes.
    pub(crate) async fn clear_throttle(
        &self,
        owner: Owner,
        kind: FactorKind,
        now: Timestamp,
        trail: &Trail,
    ) -> Result<Throttle> {
        if !TESTED_BY_CODES.contains(&kind) {
            return Err(Error::invalid("kind", "is not tested by codes; TOTP and recovery codes are"));
        }
        trail.intend().await?;
        self.users.clear_throttle(owner, kind, now).await
    }

    /// Events that wait to be delivered, oldest first.
    pub(crate) async fn factor_events(
        &self,
        environment: EnvironmentId,
        after: u64,
        limit: u64,
    ) -> Result<Vec<Outgoing>> {
        self.users.events(environment, after, limit).await
    }

    /// Says that events were delivered, and how many of them waited.
    pub(crate) async fn acknowledge_events(
        &self,
        environment: EnvironmentId,
        sequences: &[u64],
        trail: &Trail,
    ) -> Result<u64> {
        trail.intend().await?;
        self.users.delivered(environment, sequences).await
    }
}
