//! What the use cases about a user as a whole need.

use async_trait::async_trait;
use kernel::{EnvironmentId, FactorKind, Result, SessionId, Timestamp};

use crate::domain::{Outgoing, Owner, Throttle};

/// What was taken from a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Devices, pending ones too.
    pub(crate) devices: u64,
    /// Recovery codes that were not used.
    pub(crate) codes: u64,
}

/// Users as a whole, and the events that tell them. Whatever is changed here is changed in one atomic step, whoever else
/// calls.
#[async_trait]
pub(crate) trait UserStore: Send + Sync {
    /// Remembers the first session in which a user was seen, and says whether it is this one.
    async fn see(&self, owner: Owner, session: &SessionId) -> Result<bool>;

    /// Takes all factors, recovery codes and proofs from a user; what it has tried already stays on record. Where
    /// `forget_ever_verified` says so, it is forgotten too that there ever was a factor.
    async fn reset(&self, owner: Owner, forget_ever_verified: bool, now: Timestamp) -> Result<Taken>;

    /// Forgets the tries of a user with one kind of factor.
    async fn clear_throttle(&self, owner: Owner, kind: FactorKind, now: Timestamp) -> Result<Throttle>;

    /// The events of an environment that wait to be delivered, oldest first: after the sequence `after`, at most
    /// `limit`.
    async fn events(&self, environment: EnvironmentId, after: u64, limit: u64) -> Result<Vec<Outgoing>>;

    /// Says that these were delivered, and how many of them waited.
    async fn delivered(&self, environment: EnvironmentId, sequences: &[u64]) -> Result<u64>;
}
