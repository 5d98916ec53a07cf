//! Where the ceremonies under way are remembered: in Redis for any number of processes, in memory for one.

#[cfg(test)]
mod contract;
mod memory;
mod packed;
mod redis;

use std::sync::Arc;

use storage::Redis;

use crate::ports::Ceremonies;
use memory::MemoryCeremonies;
use redis::RedisCeremonies;

/// The ceremonies under way.
#[derive(Clone)]
pub struct CeremonyStore(pub(crate) Arc<dyn Ceremonies>);

impl CeremonyStore {
    /// In the memory of this process: right where it is the only one that serves the role.
    pub fn in_memory() -> Self {
        Self(Arc::new(MemoryCeremonies::new()))
    }

    /// In this Redis, which other processes of the role share.
    pub fn in_redis(redis: Redis) -> Self {
        Self(Arc::new(RedisCeremonies::new(redis)))
    }
}

impl std::fmt::Debug for CeremonyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CeremonyStore").finish_non_exhaustive()
    }
}
