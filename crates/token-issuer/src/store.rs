//! Where the issuer keeps its state: keys, operation ids and which tokens were issued in SQL, tokens in memory.

#[cfg(test)]
pub(crate) mod contract;
mod entity;
mod issued;
mod keys;
mod memory;
mod operations;

pub(crate) use issued::SqlIssuedTokens;
pub(crate) use keys::SqlKeys;
pub use memory::MemoryTokenStore;
pub(crate) use operations::SqlOperationIds;
