//! Where the issuer keeps its state: keys, operation ids, which tokens were issued and revoked and which assertions were
//! exchanged in SQL, tokens in memory or Redis.

#[cfg(test)]
pub(crate) mod contract;
mod entity;
mod issued;
mod keys;
mod memory;
mod operations;
mod redis;
mod revocations;
mod spent;

pub(crate) use issued::SqlIssuedTokens;
pub use keys::SEALED;
pub(crate) use keys::{Seen, SqlKeys};
pub use memory::MemoryTokenStore;
pub(crate) use operations::SqlOperationIds;
pub use redis::RedisTokenStore;
pub(crate) use revocations::SqlRevocations;
pub(crate) use spent::SqlSpentAssertions;
#[cfg(test)]
pub(crate) use spent::replayed;
