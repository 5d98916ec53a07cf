//! What the use cases need from outside.

use async_trait::async_trait;
use kernel::{EnvironmentId, Result};

use crate::domain::environment::{Environment, PairOf, Settings};

/// What came of an attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is written.
    Done,
    /// Nothing is: the environment exists already, or is not in the version before the one written.
    Stale,
    /// Nothing is: this pair of issuer and audience is in use in another environment.
    PairInUse(PairOf),
}

/// Where environments are kept, in all their versions. All or nothing: an attempt that did not succeed left no trace.
#[async_trait]
pub(crate) trait EnvironmentStore: Send + Sync {
    /// Writes the first version of an environment.
    async fn create(&self, environment: &Environment, by: &str) -> Result<Written>;

    /// Writes the next version, if the one before it is the newest. Of several at once one succeeds.
    async fn update(&self, next: &Environment, by: &str) -> Result<Written>;

    /// An environment in one of its versions, or its newest.
    async fn read(&self, id: EnvironmentId, version: Option<u64>) -> Result<Option<Environment>>;

    /// The ids of environments in their order, after `after`, at most `limit`.
    async fn ids(&self, after: Option<EnvironmentId>, limit: u64) -> Result<Vec<EnvironmentId>>;

    /// The first of the pairs of issuer and audience in the settings that is in use in an environment other than `id`.
    async fn pair_in_use(&self, id: EnvironmentId, settings: &Settings) -> Result<Option<PairOf>>;
}
